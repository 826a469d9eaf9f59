import { affinity, type SelectionOptions, select } from '@higgins/balancing';
import { Netlink } from '@higgins/netlink';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { BalancerLab, MEMBER_PORT, MEMBERS } from '../../../../../test/support/balancer-lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import { type ServiceOptions, serviceOf } from './maglev.fixture.js';
import type { Trial } from './model.js';
import { MaglevTarget } from './target.js';

const signal = new AbortController().signal;

await describeInNamespace('maglev target, members on trial', import.meta.filename, ['network'], () => {
  let lab: BalancerLab;
  let target: MaglevTarget;

  beforeAll(async () => {
    lab = await BalancerLab.create();
  });

  beforeEach(async () => {
    await lab.reset();
    const netlink = new Netlink();
    await netlink.deleteFlows({});
    target = new MaglevTarget({ netlink, bootMs: () => performance.now() });
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  for (const [family, address] of [
    [4, '10.9.0.9'],
    [6, 'fd09::9'],
  ] as const) {
    const [A, B, C] = MEMBERS[family];
    const connect = (count: number, options: object = {}) =>
      lab.clients.call<string[]>('connect', { count, address, port: 80, ...options });
    const web = (trial: Trial | null, options: Partial<ServiceOptions> = {}) =>
      serviceOf({
        ...{ id: 'web', addresses: [address], memberPort: MEMBER_PORT, members: { [A]: 1, [B]: 1, [C]: 1 }, trial },
        ...options,
      });
    const apply = (trial: Trial | null, options: Partial<ServiceOptions> = {}) =>
      target.apply({ services: [web(trial, options)] }, signal);
    const others = (options: Partial<SelectionOptions> = {}) =>
      select(
        [A, B, C].map((name) => ({ name, weight: 1, sharePercent: name === B ? 0 : 100 })),
        { algorithm: 'maglev', seed: 0x5eed0001, tableSize: 4093, ...options },
      ).table;

    it(`L4-34: on trial a member has so many connections at a time, and nobody is refused, IPv${family}`, async () => {
      await apply({ connectionsMax: 2, members: [], others: null });
      const change = await apply({ connectionsMax: 2, members: [B], others: others() });
      expect(change).toMatchObject({ structure: false, transactions: 1 });
      const names = await connect(40, { hold: true });
      expect(names.filter((name) => name === B)).toHaveLength(2);
      expect(names.filter((name) => name === A || name === C)).toHaveLength(38);
      await lab.clients.call('release');
      // The kernel frees places now and then.
      await until(async () => (await connect(10)).includes(B));
      expect(await apply({ connectionsMax: 2, members: [], others: null })).toMatchObject({ structure: false });
      expect((await connect(40, { hold: true })).filter((name) => name === B).length).toBeGreaterThan(2);
      expect(await target.verify()).toEqual([]);
    });

    it(`L4-34: the same where members take turns, and where clients are remembered, IPv${family}`, async () => {
      const turn = { algorithm: 'round-robin' } as const;
      const trial = { connectionsMax: 3, members: [B], others: others(turn) };
      await apply(trial, { selection: turn, affinity: affinity({ ttlMs: 60_000 }) });
      // One client: wherever it is led first, it is not remembered with a member on trial.
      const names = await connect(12, { hold: true });
      expect(names.filter((name) => name === B).length).toBeLessThanOrEqual(3);
      expect(names.slice(-4).every((name) => name === names.at(-1) && name !== B)).toBe(true);
    });

    it(`L4-34: with nobody else there, what is above is refused, IPv${family}`, async () => {
      const one = { members: { [B]: 1 } };
      await apply({ connectionsMax: 1, members: [B], others: null }, one);
      expect(await connect(3, { hold: true })).toEqual([B, 'ECONNREFUSED', 'ECONNREFUSED']);
      expect((await target.counters())[0]!.refused.limit).toBe(2);
    });
  }
});
