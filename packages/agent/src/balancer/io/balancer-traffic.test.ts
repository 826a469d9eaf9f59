import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netlink } from '@higgins/netlink';
import { createLogger } from '@higgins/service';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { BalancerLab, MEMBER_PORT, MEMBERS } from '../../../../../test/support/balancer-lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import { type Balancer, startBalancer } from './balancer.js';

const VIP = '10.9.0.9';
const NAMES = ['a', 'b', 'c'];
const [A, B, C] = MEMBERS[4];
/** Share of the slots below which a member gets some one in a hundred connections. */
const FEW = 0.05;

await describeInNamespace('balancer, what real connections decide', import.meta.filename, ['network'], () => {
  let lab: BalancerLab;
  let directory: string;
  let balancer: Balancer;

  beforeAll(async () => {
    lab = await BalancerLab.create();
  });

  beforeEach(async () => {
    await lab.reset();
    await new Netlink().deleteFlows({});
    directory = mkdtempSync(join(tmpdir(), 'higgins-balancer-'));
  });

  afterEach(async () => {
    await balancer[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  it('L4-21, LOB-56: with 100 connections held by one of three, it gets at most 10 of the next 100', async () => {
    const pool = { algorithm: 'least-connections' };
    await start({ pool, disabled: ['b', 'c'] });
    expect(count(await connect(100), A)).toBe(100);
    configure({ pool });
    await balancer.control.reload();
    await until(async () => (await sharesOf('b')) > 0 && (await sharesOf('a')) < FEW);
    expect((await service()).members.find(({ member }) => member === 'a')!.connections).toBe(100);
    const next = await connect(100);
    expect(count(next, A)).toBeLessThanOrEqual(10);
    expect(count(next, B) + count(next, C)).toBe(100 - count(next, A));
    // Both of the others had none: neither is left out.
    expect(Math.min(count(next, B), count(next, C))).toBeGreaterThan(20);
  });

  it('L4-34: a member on trial gets so many connections at a time until it has proved itself, and nobody is refused', async () => {
    const halfOpen = { successes: 4, connectionsMax: 2 };
    await start({ pool: { passiveCheck: { consecutiveFailures: 3, ejectionMs: 1_000, halfOpen } } });
    lab.backend.run(`nft add table ip dead
      nft 'add chain ip dead input { type filter hook input priority 0; }'
      nft add rule ip dead input ip daddr ${A} tcp dport ${MEMBER_PORT} reject with tcp reset`);
    await until(async () => {
      await connect(10, false);
      return (await stateOf('a')) === 'ejected';
    });
    lab.backend.run('nft flush ruleset');
    await until(async () => (await stateOf('a')) === 'on-trial' && (await service()).members[0]!.slots > 0);
    await until(async () => (await balancer.control.status()).kernel.phase === 'in-force');
    // Two are too few to end the trial.
    const names = await connect(60);
    expect([count(names, A), count(names, B) + count(names, C)]).toEqual([2, 58]);
    expect(await stateOf('a')).toBe('on-trial');
    await lab.clients.call('release');
    await until(async () => {
      expect(await connect(10, false)).not.toContain('ECONNREFUSED');
      return (await stateOf('a')) === 'active';
    });
    expect(count(await connect(60), A)).toBeGreaterThan(2);
  });

  it('L4-42: of 60 connections no member gets more than its 5, and the last ones find their place when it is known who is full', async () => {
    await start({ limits: { connectionsPerMember: 5 } });
    const names = await connect(60);
    for (const member of [A, B, C]) expect(count(names, member)).toBeLessThanOrEqual(5);
    const open = names.filter((name) => name !== 'ECONNREFUSED').length;
    expect(open).toBeLessThanOrEqual(15);
    let all = open;
    // A full member is out of the slots, so that what is left goes where there is room.
    await until(async () => {
      if (all < 15) all += (await connect(1)).filter((name) => name !== 'ECONNREFUSED').length;
      return all === 15;
    });
    expect((await service()).members.every(({ connections }) => (connections ?? 0) <= 5)).toBe(true);
    expect(await connect(1)).toEqual(['ECONNREFUSED']);
    await lab.clients.call('release');
    await until(async () => (await connect(1, false))[0] !== 'ECONNREFUSED');
  });

  interface Shape {
    readonly pool?: object;
    readonly limits?: object;
    readonly disabled?: readonly string[];
  }

  function configure({ pool = {}, limits = {}, disabled = [] }: Shape): void {
    const members = NAMES.map((name, index) => ({
      ...{ name, host: MEMBERS[4][index]!, port: MEMBER_PORT },
      admin: disabled.includes(name) ? 'disabled' : 'enabled',
    }));
    const listeners = [{ name: 'web', protocol: 'tcp', port: 80, rules: [{ pool: 'web' }], limits }];
    const pools = [{ name: 'web', members, ...pool }];
    const loadBalancers = [{ owner: 'acme', name: 'shop', addresses: [VIP], listeners, pools }];
    // JSON is YAML.
    writeFileSync(join(directory, 'lb.yaml'), JSON.stringify({ loadBalancers }));
  }

  async function start(shape: Shape): Promise<void> {
    configure(shape);
    balancer = await startBalancer({
      ...{ node: 'n1', stateDirectory: join(directory, 'state'), logger: createLogger('lb', 'silent') },
      desired: { kind: 'file', path: join(directory, 'lb.yaml') },
    });
    await until(async () => (await balancer.control.status()).kernel.phase === 'in-force');
  }

  async function connect(connections: number, hold = true): Promise<string[]> {
    return await lab.clients.call('connect', { count: connections, address: VIP, port: 80, hold });
  }

  async function service() {
    return (await balancer.control.status()).services[0]!;
  }

  async function sharesOf(name: string): Promise<number> {
    const { slots, slotsTotal } = (await service()).members.find(({ member }) => member === name)!;
    return slots / slotsTotal;
  }

  async function stateOf(name: string): Promise<string> {
    return (await balancer.control.status()).pools[0]!.members.find(({ member }) => member === name)!.state;
  }
});

function count(names: readonly string[], name: string): number {
  return names.filter((each) => each === name).length;
}
