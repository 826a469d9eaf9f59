import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlainValue } from '@higgins/balancing';
import { Netlink } from '@higgins/netlink';
import { createLogger } from '@higgins/service';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { BalancerLab, MEMBER_PORT, MEMBERS } from '../../../../../test/support/balancer-lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import type { BalancerEvent } from '../core/events.js';
import { TestDnsServer } from '../names/dns-server.fixture.js';
import { type Balancer, startBalancer } from './balancer.js';
import type { BalancerOptions } from './balancer-options.js';
import { ControlClient } from './control-client.js';

const VIP = '10.9.0.9';
const VIP6 = 'fd09::9';
const PACKAGE = new URL('../../..', import.meta.url);
const [A, B, C] = MEMBERS[4];
const QUICK = { type: 'tcp', intervalMs: 500, timeoutMs: 500, rise: 1, fall: 2 };

type Fields = { readonly [key: string]: PlainValue };

await describeInNamespace('balancer', import.meta.filename, ['network'], () => {
  let lab: BalancerLab;
  let directory: string;
  let stack: AsyncDisposableStack;

  beforeAll(async () => {
    lab = await BalancerLab.create();
  });

  beforeEach(async () => {
    await lab.reset();
    await new Netlink().deleteFlows({});
    directory = mkdtempSync(join(tmpdir(), 'higgins-balancer-'));
    stack = new AsyncDisposableStack();
  });

  afterEach(async () => {
    await stack.disposeAsync();
    rmSync(directory, { recursive: true });
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  it('LOB-01, L4-38, LOB-21: from a file alone: a dead member leaves, its share goes to the others, and it comes back', async () => {
    configure({ activeCheck: QUICK });
    const { balancer, events } = await start();
    expect(new Set(await connect(60))).toEqual(new Set([A, B, C]));
    refuse(B);
    await available(balancer, 2);
    expect(new Set(await connect(60))).toEqual(new Set([A, C]));
    const status = await balancer.control.status();
    expect(status.pools[0]).toMatchObject({ available: 2, mode: 'normal' });
    restore();
    await available(balancer, 3);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'member', member: 'b', to: 'ejected' }));
    expect(new Set(await connect(60))).toEqual(new Set([A, B, C]));
  });

  it('L4-34, L4-35, L4-37: connections that are refused eject a member that nobody checks', async () => {
    configure({ passiveCheck: { consecutiveFailures: 3, ejectionMs: 60_000 } });
    const { events } = await start();
    await connect(10);
    refuse(A);
    await until(async () => {
      await connect(10);
      return events.some((event) => event.kind === 'member' && event.reason === 'outlier-detection');
    });
    await until(async () => new Set(await connect(20)).size === 2);
    expect(await connect(60)).not.toContain(A);
  });

  it('L4-10: explains the members of flows as they turn out', async () => {
    configure({});
    const { balancer } = await start();
    const { clients } = lab;
    for (let index = 0; index < 40; index++) {
      const sourceAddress = `10.100.3.${index}`;
      const flow = {
        protocol: 'udp',
        sourceAddress,
        sourcePort: 41_000,
        destinationAddress: VIP,
        destinationPort: 80,
      } as const;
      const explained = await balancer.control.explain(flow);
      const from = { source: sourceAddress, sourcePort: 41_000 };
      const { name } = await clients.call<{ name: string }>('exchange', { address: VIP, port: 80, ...from });
      expect(name).toBe(explained.address);
    }
  });

  it('L4-28, LOB-48: serves both families and both protocols', async () => {
    configure({});
    await start();
    const { clients } = lab;
    expect(MEMBERS[6]).toContain((await clients.call<string[]>('connect', { count: 1, address: VIP6, port: 80 }))[0]);
    expect(MEMBERS[6]).toContain((await clients.call<{ name: string }>('exchange', { address: VIP6, port: 80 })).name);
    expect(MEMBERS[4]).toContain((await clients.call<{ name: string }>('exchange', { address: VIP, port: 80 })).name);
  });

  it('L4-41, L4-86: a drain keeps established connections, tells how many are left, and cuts them at its deadline', async () => {
    configure({});
    const { balancer, events } = await start();
    await lab.clients.call('connect', { count: 30, address: VIP, port: 80, hold: true });
    const client = new ControlClient(join(directory, 'lb.sock'));
    expect(await client.drain({ member: 'a' }, { deadlineMs: null })).toMatchObject([{ member: 'a', family: 4 }]);
    await inForce(balancer);
    expect(await connect(40)).not.toContain(A);
    expect((await lab.clients.call<boolean[]>('probe')).every(Boolean)).toBe(true);
    await until(async () => {
      const status = await client.status();
      const member = status.pools.flatMap(({ members }) => members).find(({ address }) => address === A);
      return (member?.drain?.connections ?? 0) > 0;
    });
    await client.drain({ member: 'a' }, { deadlineMs: 500 });
    await until(() => events.some((event) => event.kind === 'flows-cut' && event.member === 'a'));
    await client.undrain({ member: 'a' });
    await until(async () => (await connect(20)).includes(A));
  });

  it('LOB-35, LOB-36: reloads on demand; one that is refused changes nothing and says why', async () => {
    configure({});
    const { balancer } = await start();
    const client = new ControlClient(join(directory, 'lb.sock'));
    await lab.clients.call('connect', { count: 30, address: VIP, port: 80, hold: true });
    configure({}, ['a', 'b']);
    expect(await client.diff()).toMatchObject({ changed: true });
    expect(await client.reload()).toEqual({ revision: 2, changed: true });
    expect(new Set(await connect(40))).toEqual(new Set([A, B]));
    expect((await lab.clients.call<boolean[]>('probe')).every(Boolean)).toBe(true);
    expect(await client.reload()).toEqual({ revision: 2, changed: false });
    writeFileSync(join(directory, 'lb.yaml'), 'loadBalancers: [{ name: 7 }]');
    await expect(client.reload()).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('name') });
    expect((await balancer.control.status()).configuration).toMatchObject({ revision: 2 });
    expect(new Set(await connect(40))).toEqual(new Set([A, B]));
  });

  it('LOB-13, L4-82, L4-27, LOB-34: killed and started again, nothing changes on the wire and no flow moves', async () => {
    configure({ activeCheck: QUICK });
    const first = await startProgram();
    refuse(C);
    const client = new ControlClient(join(directory, 'lb.sock'));
    await until(async () => (await client.status()).pools[0]!.available === 2);
    await until(async () => !(await connect(20)).includes(C));
    await lab.clients.call('connect', { count: 30, address: VIP, port: 80, hold: true });
    const before = await membersOfSources();
    await until(async () => (await client.status()).kernel.phase === 'in-force');
    await until(() => onDisk('"passing":false'));
    await kill(first);
    const generation = await new Netlink().generation();
    expect(new Set(await connect(30))).toEqual(new Set([A, B]));
    const second = await startProgram();
    await until(async () => (await client.status()).kernel.phase === 'in-force');
    expect(await new Netlink().generation()).toBe(generation);
    expect(await membersOfSources()).toEqual(before);
    expect((await lab.clients.call<boolean[]>('probe')).every(Boolean)).toBe(true);
    await kill(second);
  });

  it('flush removes everything, over a restart too, and a reload brings it back; stopping changes nothing', async () => {
    configure({});
    const { balancer } = await start();
    await balancer.control.flush();
    expect(tables()).toBe('');
    expect((await balancer.control.status()).kernel.phase).toBe('flushed');
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
    const { balancer: again } = await start(false);
    expect(tables()).toBe('');
    await again.control.reload();
    expect(await connect(3)).toHaveLength(3);
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
    expect(new Set(await connect(40))).toEqual(new Set([A, B, C]));
  });

  it('LOB-44, L4-86: an order that was answered outlives a SIGKILL in the same moment', async () => {
    configure({});
    const first = await startProgram();
    const client = new ControlClient(join(directory, 'lb.sock'));
    await client.flush();
    await client.reload();
    await client.drain({ member: 'a' }, { deadlineMs: null });
    await kill(first);
    const second = await startProgram();
    const { kernel, pools } = await client.status();
    expect(kernel.phase).toBe('in-force');
    expect(pools[0]!.members.find(({ member }) => member === 'a')!.state).toMatch(/^drain/);
    await client.undrain({ member: 'a' });
    await kill(second);
    await startProgram();
    const [pool] = (await client.status()).pools;
    expect(pool!.members.find(({ member }) => member === 'a')!.state).toBe('active');
  });

  it('L4-83: what somebody else takes out of the tables is put right', async () => {
    configure({});
    const { events } = await start();
    execFileSync('nft', ['delete', 'table', 'inet', 'higgins_lb']);
    await until(() => events.some(({ kind }) => kind === 'kernel-drift'));
    await until(async () => MEMBERS[4].includes((await connect(1))[0] as never));
  });

  it('LOB-24, LOB-23: with nobody well TCP is reset and UDP told at once, other pools go on, and it comes back by itself', async () => {
    configure({ activeCheck: QUICK });
    const { balancer, events } = await start();
    await lab.clients.call('connect', { count: 10, address: VIP6, port: 80, hold: true });
    for (const address of [A, B, C]) refuse(address);
    await available(balancer, 0);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'pool', family: 4, to: 'reject' }));
    expect(await connect(1)).toEqual(['ECONNREFUSED']);
    // The kernel limits how many ICMP errors it sends, so not every datagram need be answered.
    await until(async () => {
      const { name } = await lab.clients.call<{ name: string }>('exchange', { address: VIP, port: 80 });
      return name === 'ECONNREFUSED';
    });
    expect((await balancer.control.status()).services[0]!.members.every(({ slots }) => slots === 0)).toBe(true);
    expect((await lab.clients.call<boolean[]>('probe')).every(Boolean)).toBe(true);
    restore();
    await until(async () => (MEMBERS[4] as readonly string[]).includes((await connect(1))[0]!));
  });

  it('L4-74: with every check failing it fails open, tells it once, and traffic goes on', async () => {
    // Nothing listens on the port of the checks.
    configure({ activeCheck: { ...QUICK, port: 9 }, whenNoneHealthy: 'fail-open' });
    const { events, balancer } = await start();
    await until(() => events.some((event) => event.kind === 'pool' && event.family === 4 && event.to === 'fail-open'));
    await inForce(balancer);
    expect(new Set(await connect(60))).toEqual(new Set([A, B, C]));
    const { verifiedWallMs } = (await balancer.control.status()).kernel;
    await until(async () => (await balancer.control.status()).kernel.verifiedWallMs! > verifiedWallMs! + 2_000);
    expect(events.filter((event) => event.kind === 'pool' && event.family === 4)).toHaveLength(1);
  });

  it('L4-84: after a reboot the last state is on the wire before anybody has answered a check', async () => {
    configure({ activeCheck: { ...QUICK, startAvailable: false } });
    const { balancer } = await start();
    await until(async () => (await connect(20)).every((name) => (MEMBERS[4] as readonly string[]).includes(name)));
    refuse(C);
    await until(() => onDisk('"passing":false'));
    await balancer[Symbol.asyncDispose]();
    // What a reboot leaves: the disk. The clock of its boot is another one.
    execFileSync('nft', ['flush', 'ruleset']);
    const path = join(directory, 'state', 'balancer', 'state.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"bootId":"[^"]*"/, '"bootId":"another"'));
    const run = (_order: unknown, signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const again = stack.use(
      await startBalancer({ ...options(), logger: createLogger('lb', 'silent'), parts: { checker: { run } } }),
    );
    await inForce(again);
    expect(new Set(await connect(40))).toEqual(new Set([A, B]));
  });

  it('LOB-28, LOB-29, LOB-30, LOB-60: members follow their names, and stay where nobody answers', async () => {
    const records = new Map<string, readonly string[]>();
    let answers = true;
    const dns = stack.use(
      await TestDnsServer.start((name, type) => {
        if (!answers) return 'silence';
        const addresses = records.get(name);
        return addresses === undefined ? 3 : type === 'A' ? addresses.map((address) => ({ address, ttl: 1 })) : [];
      }),
    );
    const resolution = { servers: [dns.address] };
    const named = [
      { name: 'one', host: 'one.test', port: MEMBER_PORT, resolution },
      { name: 'all', host: 'all.test', port: MEMBER_PORT, resolution: { ...resolution, members: 'all' } },
    ];
    configure({}, [], named);
    const { balancer } = await start();
    expect(await connect(1)).toEqual(['ECONNREFUSED']);
    records.set('one.test', [A]);
    await until(async () => (await connect(1))[0] === A);
    records.set('all.test', [B, C]);
    await until(async () => new Set(await connect(30)).size === 3);
    records.set('one.test', [B]).set('all.test', [C]);
    await until(async () => !(await connect(20)).includes(A));
    answers = false;
    await until(async () => (await balancer.control.status()).names.every(({ failure }) => failure !== null));
    expect(new Set(await connect(30))).toEqual(new Set([B, C]));
  });

  it('LOB-49, L4-41: a UDP client that goes on sending gets another member when its own is removed', async () => {
    configure({});
    const { balancer } = await start();
    const ask = { address: VIP, port: 80, source: '10.100.5.5', sourcePort: 43_000 };
    const own = (await lab.clients.call<{ name: string }>('exchange', ask)).name;
    expect((await lab.clients.call<{ name: string }>('exchange', ask)).name).toBe(own);
    const names = ['a', 'b', 'c'].filter((_, index) => MEMBERS[4][index] !== own);
    configure({}, names);
    await balancer.control.reload();
    await until(async () => (await lab.clients.call<{ name: string }>('exchange', ask)).name !== own);
  });

  it('LOB-64, L4-71: metrics tell what was counted', async () => {
    configure({ activeCheck: QUICK });
    const { balancer } = await start();
    await connect(30);
    const url = `http://127.0.0.1:${balancer.operations!.port}`;
    const line = `higgins_balancer_service_flows_total{owner="acme",load_balancer="shop",listener="web",family="4"} 30`;
    await until(async () => (await (await fetch(`${url}/metrics`)).text()).includes(line));
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const name of [
      'member_connections',
      'member_available',
      'service_connections_per_second_limit',
      'conntrack_entries',
      'kernel_generation',
      'program_seconds_bucket',
    ]) {
      expect(text).toContain(`higgins_balancer_${name}`);
    }
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });

  it('streams events to readers of the socket, and answers bad requests by name', async () => {
    configure({ activeCheck: QUICK });
    await start();
    const client = new ControlClient(join(directory, 'lb.sock'));
    const ended = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of client.events(ended.signal)) seen.push(event.kind);
    })();
    await until(async () => {
      await client.drain({ member: 'b' });
      await client.undrain({ member: 'b' });
      return seen.includes('member');
    });
    ended.abort();
    await reading;
    await expect(client.drain({ member: 'x' })).rejects.toMatchObject({ code: 'not-found' });
    const flow = {
      protocol: 'tcp',
      sourceAddress: 'x',
      sourcePort: 1,
      destinationAddress: VIP,
      destinationPort: 80,
    } as const;
    await expect(client.explain(flow)).rejects.toMatchObject({ code: 'invalid' });
    await expect(new ControlClient(join(directory, 'none.sock')).status()).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  /** Members by name: a and so on, of both families. */
  function configure(pool: Fields, names = ['a', 'b', 'c'], others: readonly Fields[] = []): void {
    const members = names.flatMap((name) => {
      const index = name.charCodeAt(0) - 97;
      const of = (suffix: string, host: string) => ({ name: `${name}${suffix}`, host, port: MEMBER_PORT });
      return [of('', MEMBERS[4][index]!), of('6', MEMBERS[6][index]!)];
    });
    const listener = { port: 80, rules: [{ pool: 'web' }] };
    const shop = {
      ...{ owner: 'acme', name: 'shop', addresses: [VIP, VIP6] },
      listeners: [
        { ...listener, name: 'web', protocol: 'tcp' },
        { ...listener, name: 'dns', protocol: 'udp' },
      ],
      pools: [{ name: 'web', members: [...members, ...others], ...pool }],
    };
    writeFileSync(join(directory, 'lb.yaml'), JSON.stringify({ loadBalancers: [shop] }));
  }

  function options(): BalancerOptions {
    return {
      ...{ node: 'n1', stateDirectory: join(directory, 'state'), controlSocket: join(directory, 'lb.sock') },
      desired: { kind: 'file', path: join(directory, 'lb.yaml') },
      operations: { port: 0 },
    };
  }

  async function start(wait = true): Promise<{ balancer: Balancer; events: BalancerEvent[] }> {
    const events: BalancerEvent[] = [];
    const balancer = stack.use(await startBalancer({ ...options(), logger: createLogger('lb', 'silent') }));
    const ended = new AbortController();
    stack.defer(() => ended.abort());
    const notices = balancer.control.events(ended.signal);
    void (async () => {
      for await (const event of notices) if (event.kind !== 'lost') events.push(event);
    })();
    if (wait) await inForce(balancer);
    return { balancer, events };
  }

  async function inForce(balancer: Balancer): Promise<void> {
    await until(async () => (await balancer.control.status()).kernel.phase === 'in-force');
  }

  /** Waits until so many members of the first pool take new flows, and the kernel knows it. */
  async function available(balancer: Balancer, members: number): Promise<void> {
    await until(async () => (await balancer.control.status()).pools[0]!.available === members);
    await inForce(balancer);
  }

  /** The balancer as a program of its own, as built. */
  async function startProgram(): Promise<ChildProcess> {
    const program = `const { startBalancer } = await import('@higgins/agent'); await startBalancer(${JSON.stringify(options())});`;
    const args = ['--input-type=module', '--eval', program];
    const child = spawn(process.execPath, args, { cwd: PACKAGE, stdio: ['ignore', 'inherit', 'ignore'] });
    stack.defer(() => kill(child));
    const client = new ControlClient(join(directory, 'lb.sock'));
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`the balancer ended with ${child.exitCode}`);
      return await client.status().then(
        ({ kernel }) => kernel.phase === 'in-force',
        () => false,
      );
    });
    return child;
  }

  async function connect(count: number): Promise<string[]> {
    return await lab.clients.call('connect', { count, address: VIP, port: 80 });
  }

  /** Who serves each of some clients, by the same ports each time. */
  async function membersOfSources(): Promise<string[]> {
    const names: string[] = [];
    for (let index = 0; index < 40; index++) {
      const from = { source: `10.100.4.${index}`, sourcePort: 42_000 };
      names.push((await lab.clients.call<{ name: string }>('exchange', { address: VIP, port: 80, ...from })).name);
      await new Netlink().deleteFlows({ protocol: 17 });
    }
    return names;
  }

  /** Has a member refuse connections. */
  function refuse(address: string): void {
    lab.backend.run(`nft add table ip dead
      nft 'add chain ip dead input { type filter hook input priority 0; }'
      nft add rule ip dead input ip daddr ${address} tcp dport ${MEMBER_PORT} reject with tcp reset`);
  }

  function restore(): void {
    lab.backend.run('nft flush ruleset');
  }

  function tables(): string {
    return execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' });
  }

  function onDisk(text: string): boolean {
    const path = join(directory, 'state', 'balancer', 'state.json');
    return existsSync(path) && readFileSync(path, 'utf8').includes(text);
  }
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}
