import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Netlink } from '@higgins/netlink';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { BalancerLab, MEMBER_PORT, MEMBERS } from '../../../../../test/support/balancer-lab.js';
import { shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import { type ServiceOptions, serviceOf } from './maglev.fixture.js';
import { MaglevTarget } from './target.js';

const signal = new AbortController().signal;
const VIP = '10.9.0.9';
const [A, B, C, D, E] = MEMBERS[4];
/** On a busy machine. */
const LOAD_MS_MAX = 180_000;
const FOREIGN = `table inet foreign {
	set seen { type ipv4_addr; elements = { 192.0.2.1 } }
	chain forward { type filter hook forward priority 0; policy accept; counter comment "not ours"; }
}`;

await describeInNamespace('maglev target, safety', import.meta.filename, ['network'], () => {
  let lab: BalancerLab;
  let netlink: Netlink;
  let target: MaglevTarget;

  beforeAll(async () => {
    lab = await BalancerLab.create();
  });

  beforeEach(async () => {
    await lab.reset();
    netlink = new Netlink();
    await netlink.deleteFlows({});
    target = newTarget();
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  const newTarget = () => new MaglevTarget({ netlink, bootMs: () => performance.now() });
  const web = (options: Partial<ServiceOptions> = {}): ServiceOptions => ({
    ...{ id: 'web', addresses: [VIP], memberPort: MEMBER_PORT, members: { [A]: 1, [B]: 1, [C]: 1 } },
    ...options,
  });
  const apply = (of: MaglevTarget, ...options: ServiceOptions[]) =>
    of.apply({ services: options.map(serviceOf) }, signal);
  const connect = (options: object) =>
    lab.clients.call<string[]>('connect', { count: 1, address: VIP, port: 80, ...options });

  it('L4-82, LOB-34: a new process finds all in place and sends nothing', async () => {
    await apply(target, web(), web({ id: 'dns', protocol: 'udp', port: 53 }));
    await connect({ count: 10, hold: true });
    const before = [await netlink.generation(), shell('nft -s list ruleset')];
    for (let restart = 0; restart < 20; restart++) {
      const again = newTarget();
      expect(await apply(again, web(), web({ id: 'dns', protocol: 'udp', port: 53 }))).toMatchObject({
        transactions: 0,
        structure: false,
      });
      expect(await again.verify()).toEqual([]);
    }
    expect([await netlink.generation(), shell('nft -s list ruleset')]).toEqual(before);
    expect(await lab.clients.call('probe')).toEqual(Array(10).fill(true));
  });

  it('L4-27, LOB-34: a new process with another configuration changes what is there, and who is counted stays so', async () => {
    await apply(target, web({ connectionsPerMember: 3, members: { [A]: 1 } }));
    await connect({ count: 3, hold: true });
    const again = newTarget();
    const { structure } = await apply(
      again,
      web({ connectionsPerMember: 3, members: { [A]: 1, [B]: 0 }, onIdle: 'reset' }),
    );
    expect(structure).toBe(true);
    expect(await connect({})).toEqual(['ECONNREFUSED']);
    expect((await again.counters())[0]!.members.get(A)!.flows).toBe(3);
    expect((await again.counters())[0]!.refused.limit).toBe(1);
    expect(await lab.clients.call('probe')).toEqual([true, true, true]);
  });

  it('L4-83: what is changed by hand is named, and repaired by the next application', async () => {
    const services = [
      web({ block: ['192.0.2.0/24'] }),
      web({ id: 'turn', port: 81, selection: { algorithm: 'round-robin' } }),
    ];
    const damages: readonly [damage: string, named: RegExp][] = [
      ['delete element inet higgins_lb s.web.slots.4093.0 { 7, 8 }', /s\.web\.slots\.4093\.0: 2 of 4093 slots differ/],
      ['flush chain inet higgins_lb refuse', /changed by hand/],
      [`delete element inet higgins_lb nat.prerouting.m100.v4 { ${VIP} . tcp . 80 }`, /changed by hand/],
      ['delete table inet higgins_lb', /the structure is gone/],
    ];
    await apply(target, ...services);
    for (const [damage, named] of damages) {
      shell(`nft '${damage}'`);
      expect((await target.verify()).join('\n')).toMatch(named);
      await apply(target, ...services);
      expect(await target.verify()).toEqual([]);
      expect(MEMBERS[4]).toContain((await connect({}))[0]);
    }
    shell('nft add element inet higgins_lb s.web.slots.4093.0 { 5000 : 0x4c000001 }');
    expect(await target.verify()).toEqual([]);
  });

  it('LOB-32: tables of others are as they were, through start, reload and removal', async () => {
    shell(`nft -f - <<'END'\n${FOREIGN}\nEND`);
    const before = shell('nft -s list table inet foreign');
    await apply(target, web());
    await apply(target, web({ burst: 3, connectionsPerSecond: 1_000 }));
    await target.flush();
    expect(shell('nft -s list ruleset')).toBe(before);
  });

  it('LOB-36: what the kernel refuses leaves everything as it was, and the next change is made all the same', async () => {
    await apply(target, web());
    await connect({ count: 5, hold: true });
    const before = shell('nft -s -t list ruleset');
    // Two targets of one address and port.
    await expect(apply(target, web({ members: { [A]: 1, [D]: 1 } }), web({ id: 'same' }))).rejects.toMatchObject({
      code: 'refused',
    });
    expect(await target.verify()).toEqual([]);
    expect(await connect({ count: 4 })).not.toContain('ECONNREFUSED');
    expect((await target.counters())[0]!.packets).toBeGreaterThan(0);
    await apply(target, web());
    expect(shell('nft -s -t list ruleset')).toBe(before);
    await apply(target, web({ members: { [D]: 1 } }));
    expect(await connect({})).toEqual([D]);
    expect(await target.verify()).toEqual([]);
    expect(await lab.clients.call('probe')).toEqual(Array(5).fill(true));
  });

  it('LOB-23, L4-79: a member that goes out takes nothing from another service', async () => {
    const two = (a: number) => [
      web({ members: { [A]: a, [B]: 1 } }),
      web({ id: 'two', port: 81, members: { [A]: 1, [B]: 1 } }),
    ];
    await apply(target, ...two(1));
    const names = [
      ...(await connect({ count: 20, hold: true })),
      ...(await connect({ count: 20, port: 81, hold: true })),
    ];
    await apply(target, ...two(0));
    const service = serviceOf(two(0)[0]!);
    const onA = names.slice(0, 20).filter((name) => name === A).length;
    expect(await target.cut(service, A)).toBe(onA);
    const alive = await lab.clients.call<boolean[]>('probe');
    expect(alive.slice(20)).toEqual(Array(20).fill(true));
    expect(alive.filter(Boolean)).toHaveLength(40 - onA);
    expect(new Set(await connect({ count: 6 }))).toEqual(new Set([B]));
  });

  it('L4-81: others change the ruleset all the time, and every change arrives', async () => {
    shell(`nft -f - <<'END'\n${FOREIGN}\nEND`);
    await apply(target, web());
    const disturber = spawn(
      'sh',
      [
        '-c',
        'while :; do nft add element inet foreign seen { 192.0.2.2 }; nft delete element inet foreign seen { 192.0.2.2 }; done',
      ],
      { stdio: 'ignore' },
    );
    for (let change = 0; change < 20; change++) {
      const members = { [A]: 1, [B]: change % 2, [C]: 1 };
      await apply(target, web(change % 5 === 4 ? { members, idleMs: 100_000 + change * 1_000 } : { members }));
    }
    disturber.kill('SIGKILL');
    await once(disturber, 'exit');
    expect(await target.verify()).toEqual([]);
  });

  it('L4-81: of two writers one wins, and never a mixture', async () => {
    const [ours, theirs] = [newTarget(), new MaglevTarget({ netlink: new Netlink(), bootMs: () => performance.now() })];
    const variant = (members: Record<string, number>, idleMs: number) => [
      web({ members, idleMs }),
      web({ id: 'two', port: 81, members, idleMs }),
    ];
    for (let round = 0; round < 6; round++) {
      const outcomes = await Promise.allSettled([
        apply(ours, ...variant({ [A]: 1, [B]: 1 }, 10_000 + round * 1_000)),
        apply(theirs, ...variant({ [C]: 1, [D]: 1 }, 20_000 + round * 1_000)),
      ]);
      expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
      const names = new Set([...(await connect({ count: 6 })), ...(await connect({ count: 6, port: 81 }))]);
      expect(
        [
          [A, B],
          [C, D],
        ].filter((pair) => [...names].every((name) => (pair as string[]).includes(name))),
      ).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'contended' });
    }
  });

  it(
    'LOB-13, L4-82: killed at any step of an application, the old or the new is in force, whole, and flows live',
    async () => {
      const program = fileURLToPath(new URL('../../../dist/targets/maglev/target.js', import.meta.url));
      await apply(target, web(), web({ id: 'two', port: 81 }));
      await connect({ count: 20, hold: true });
      // One transaction prepares, two fill the slot maps, one switches, one stores what reads back.
      for (let step = 0; step <= 5; step++) {
        const before = await netlink.generation();
        const child = spawn(process.execPath, ['--input-type=module', '-e', changer(program)], {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        child.stdin.end(
          JSON.stringify(
            [
              web({ members: { [D]: 1, [E]: 1 }, idleMs: 60_000 }),
              web({ id: 'two', port: 81, members: { [D]: 1, [E]: 1 } }),
            ].map(serviceOf),
            plain,
          ),
        );
        await once(child.stdout, 'data');
        await until(async () => child.exitCode !== null || (await netlink.generation()) >= before + step);
        if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit');
        const names = new Set([...(await connect({ count: 4 })), ...(await connect({ count: 4, port: 81 }))]);
        expect(
          [
            [A, B, C],
            [D, E],
          ].filter((pool) => [...names].every((name) => (pool as string[]).includes(name))),
        ).toHaveLength(1);
        if (step === 5) expect([...names].sort()).toEqual([D, E]);
        expect(await lab.clients.call('probe')).toEqual(Array(20).fill(true));
        await apply(target, web(), web({ id: 'two', port: 81 }));
        expect(await target.verify()).toEqual([]);
      }
    },
    LOAD_MS_MAX,
  );

  it(
    'L4-81, LOB-33, LOB-35: 6,000 connections through 60 changes without an error',
    async () => {
      await apply(target, web());
      const held = await lab.clients.call<string[]>('connect', { count: 400, address: VIP, port: 80, hold: true });
      expect(held.filter((name) => name.startsWith('E'))).toEqual([]);
      const client = lab.client.program();
      const connections = client.call<string[]>('connect', { count: 6_000, address: VIP, port: 80 });
      let running = true;
      void connections.finally(() => {
        running = false;
      });
      let changes = 0;
      for (; running || changes < 60; changes++) {
        const members = {
          [A]: 1,
          [B]: 1,
          [C]: changes % 2,
          ...(changes % 3 === 0 ? { [D]: 1 } : {}),
          ...(changes % 7 === 0 ? { [E]: 2 } : {}),
        };
        await apply(
          target,
          web({
            members,
            ...(changes % 4 === 0 ? { idleMs: 300_000 } : {}),
            ...(changes % 11 === 0 ? { selection: { tableSize: 16_381 } } : {}),
          }),
        );
      }
      const names = await connections;
      expect(names.filter((name) => name.startsWith('E'))).toEqual([]);
      expect(changes).toBeGreaterThanOrEqual(60);
      expect(await lab.clients.call('probe')).toEqual(Array(400).fill(true));
      expect(await target.verify()).toEqual([]);
    },
    LOAD_MS_MAX,
  );
});

/** Maps and slot tables do not survive JSON by themselves. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Map) return { map: [...value] };
  return value instanceof Uint16Array ? { slots: [...value] } : value;
}

/** A program that applies the services of its standard input and says so before it begins. */
function changer(program: string): string {
  return `
    const { MaglevTarget } = await import(${JSON.stringify(program)});
    const { Netlink } = await import(${JSON.stringify(fileURLToPath(new URL('../../../../netlink/dist/index.js', import.meta.url)))});
    const { text } = await import('node:stream/consumers');
    const revive = (_key, value) => (Array.isArray(value?.map) ? new Map(value.map) : Array.isArray(value?.slots) ? Uint16Array.from(value.slots) : value);
    const services = JSON.parse(await text(process.stdin), revive);
    const target = new MaglevTarget({ netlink: new Netlink(), bootMs: () => performance.now() });
    process.stdout.write('ready\\n');
    await target.apply({ services }, new AbortController().signal);
  `;
}
