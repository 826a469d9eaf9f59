import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Netlink } from '@higgins/netlink';
import { createLogger } from '@higgins/service';
import type { Applied } from '@higgins/signals';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeInNamespace } from '../../../../test/support/namespace.js';
import { Peer } from '../../../../test/support/peer.js';
import { until } from '../../../../test/support/until.js';
import { type AgentConfigInput, agentConfigSchema } from '../config.js';
import { type Agent, startAgent } from './agent.js';

const LISTED = '10.9.1.1';
const OTHER = '10.9.2.1';
const TRACK = 'org/acme/lists/blocked';
const PACKAGE = new URL('../..', import.meta.url);

await describeInNamespace('agent from a file alone', import.meta.filename, ['network', 'user'], (kind) => {
  let peer: Peer;
  let directory: string;
  let stack: AsyncDisposableStack;

  beforeEach(async () => {
    execFileSync('nft', ['flush', 'ruleset']);
    directory = mkdtempSync(join(tmpdir(), 'higgins-agent-'));
    peer = await Peer.create(['10.9.0.1/16'], ['10.9.0.2/16', `${LISTED}/16`, `${OTHER}/16`]);
    stack = new AsyncDisposableStack();
  });

  afterEach(async () => {
    await stack.disposeAsync();
    await peer[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  it('BUS-134: nothing changes on the wire when it is killed and started again', async () => {
    list('10.9.1.0/24');
    const first = await startProgram({});
    const arrivals = await peer.send('10.9.0.1', [LISTED, OTHER], 1);
    await arrivals.next(OTHER);
    const generation = await new Netlink().generation();
    await kill(first);
    const second = await startProgram({});
    await arrivals.next(OTHER);
    await kill(second);
    expect(await new Netlink().generation()).toBe(generation);
    expect(arrivals.count(LISTED)).toBe(0);
  });

  it('BUS-45, BUS-51: the kernel ends a list on time after SIGKILL, and BUS-46: opens it as configured', async () => {
    list('10.9.1.0/24');
    const program = await startProgram({ fileTtlMs: 600_000, onExpiry: 'open' });
    const arrivals = await peer.send('10.9.0.1', [LISTED, OTHER], 1);
    await arrivals.next(OTHER);
    expect(arrivals.count(LISTED)).toBe(0);
    const deadline = await shorten(600_000, 2_000);
    await kill(program);
    expect(await arrivals.next(LISTED)).toBeGreaterThan(deadline - 50);
  });

  it('BUS-46: the kernel closes an expired list after SIGKILL', async () => {
    list('10.9.1.0/24');
    const program = await startProgram({ fileTtlMs: 600_000, onExpiry: 'closed' });
    const arrivals = await peer.send('10.9.0.1', [LISTED, OTHER], 1);
    await arrivals.next(OTHER);
    await shorten(600_000, 2_000);
    await kill(program);
    await until(() => expiredPackets() >= 50);
    const passed = arrivals.count(OTHER);
    await until(() => expiredPackets() >= 200);
    expect([arrivals.count(OTHER), arrivals.count(LISTED)]).toEqual([passed, 0]);
  });

  it('BUS-37: started again, it enforces a list for what was left of its time', async () => {
    list('10.9.1.0/24');
    await kill(await startProgram({ fileTtlMs: 60_000, onExpiry: 'open' }));
    execFileSync('nft', ['flush', 'ruleset']);
    const { agent } = await start({ fileTtlMs: 60_000, onExpiry: 'open' });
    await enforced(agent);
    const youngestMs = ageMs();
    const remainingMs = agent.lists()[0]!.remainingMs!;
    const oldestMs = ageMs();
    // Between the two, and a few milliseconds for two clocks.
    expect(remainingMs).toBeLessThan(60_000 - youngestMs + 20);
    expect(remainingMs).toBeGreaterThan(60_000 - oldestMs - 20);
  });

  it('BUS-48, BUS-50: tells age, remaining time, fallback and freshness, and never an expired list as current', async () => {
    list('10.9.1.0/24');
    utimesSync(join(directory, 'list.txt'), Date.now() / 1000 - 500, Date.now() / 1000 - 500);
    const { agent, acknowledged } = await start({ fileTtlMs: 600_000, onExpiry: 'closed' });
    await enforced(agent);
    const before = await get('/lists/org/acme/lists/blocked/match?ip=10.9.1.7');
    expect(before).toMatchObject({ listed: true, list: { freshness: 'stale', onExpiry: 'closed', phase: 'enforced' } });
    await shorten(600_000, 500);
    await acknowledgedAs(acknowledged, 'expired');
    const after = await get('/lists/org/acme/lists/blocked/match?ip=10.9.1.7');
    expect(after).toMatchObject({ listed: null, list: { freshness: 'expired', phase: 'expired', remainingMs: 0 } });
    expect(await get('/lists')).toMatchObject({ lists: [{ track: TRACK }] });
    const { host, port } = agent.operations!;
    const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
    expect(metrics).toContain(`higgins_agent_list_freshness{list="blocked",track="${TRACK}"} 0`);
    expect(metrics).toContain(`higgins_agent_list_remaining_seconds{list="blocked",track="${TRACK}"} 0`);
    expect(metrics).toContain(`higgins_agent_list_expiries_total{track="${TRACK}"} 1`);
    expect((await fetch(`http://${host}:${port}/readyz`)).status).toBe(200);
  });

  it('BUS-93: a malformed file is refused with its line, and the last good list stays', async () => {
    list('10.9.1.0/24');
    const { agent, acknowledged } = await start({});
    await enforced(agent);
    list('10.9.1.0/24\n10.9.2.1/24');
    await acknowledgedAs(acknowledged, 'refused');
    expect(acknowledged.at(-1)!.reason).toContain('list.txt:2 is "10.9.2.1/24", expected no bits behind');
    const arrivals = await peer.send('10.9.0.1', [LISTED, OTHER], 1);
    for (let packet = 0; packet < 20; packet++) await arrivals.next(OTHER);
    expect(arrivals.count(LISTED)).toBe(0);
  });

  it('refuses to work beside another agent, and leaves alone what is in force', async () => {
    list('10.9.1.0/24');
    const { agent } = await start({});
    await enforced(agent);
    await expect(start({})).rejects.toThrow('another agent of this network namespace enforces it');
    const generation = await new Netlink().generation();
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
    await enforced((await start({})).agent);
    expect(await new Netlink().generation()).toBe(generation);
  });

  it('puts right what somebody else changed', async () => {
    list('10.9.1.0/24');
    const { agent } = await start({});
    await enforced(agent);
    const arrivals = await peer.send('10.9.0.1', [LISTED], 1);
    for (const damage of [
      'delete table inet higgins',
      'flush set inet higgins blocked_ipv4_0',
      'flush chain inet higgins blocked_guard',
    ]) {
      const before = await new Netlink().generation();
      execFileSync('nft', [damage]);
      // The damage is one transaction, the repair at least one more.
      await until(async () => (await new Netlink().generation()) >= before + 2);
      await silent(() => arrivals.count(LISTED));
    }
  });

  it('takes 20,000 prefixes', async () => {
    list(
      Array.from(
        { length: 20_000 },
        (_, index) => `${20 + (index >> 14)}.${(index >> 6) & 255}.${(index & 63) * 4}.0/23`,
      ).join('\n'),
    );
    const { agent } = await start({});
    await enforced(agent);
    const [report] = agent.lists();
    expect(report).toMatchObject({ phase: 'enforced', entries: 20_000, failure: null });
  });

  if (kind === 'network') {
    it('says in one sentence which right is missing', () => {
      list('10.9.1.0/24');
      chmodSync(directory, 0o777);
      const path = configFile({});
      const unprivileged = ['--bounding-set=-all', '--inh-caps=-all', '--reuid=65534', '--clear-groups'];
      const { stderr, status } = spawnSync('setpriv', [...unprivileged, ...command(path)], {
        cwd: PACKAGE,
        encoding: 'utf8',
      });
      expect(status).not.toBe(0);
      expect(stderr).toContain('nft: operation not permitted: the agent needs CAP_NET_ADMIN');
    });
  }

  function list(text: string): void {
    writeFileSync(join(directory, 'list.txt'), `${text}\n`);
  }

  function ageMs(): number {
    return Date.now() - statSync(join(directory, 'list.txt')).mtimeMs;
  }

  /** Makes the file so old that its list has `leftMs` to live, and waits for the agent to have said so to the kernel. */
  async function shorten(ttlMs: number, leftMs: number): Promise<number> {
    const deadline = performance.now() + leftMs;
    const modifiedSeconds = (Date.now() - ttlMs + leftMs) / 1000;
    utimesSync(join(directory, 'list.txt'), modifiedSeconds, modifiedSeconds);
    await until(
      async () => ((await get('/lists')) as { lists: { remainingMs: number }[] }).lists[0]!.remainingMs <= leftMs,
    );
    return deadline;
  }

  function config(options: Partial<AgentConfigInput['lists'][number]>): AgentConfigInput {
    return {
      pop: 'test',
      stateDirectory: join(directory, 'state'),
      localSocket: join(directory, 'agent.sock'),
      admin: { port: 0 },
      logLevel: 'silent',
      lists: [
        {
          track: TRACK,
          name: 'blocked',
          file: join(directory, 'list.txt'),
          hook: 'prerouting',
          interfaces: ['eth0'],
          ...options,
        },
      ],
    };
  }

  function configFile(options: Partial<AgentConfigInput['lists'][number]>): string {
    const path = join(directory, 'agent.yaml');
    writeFileSync(path, JSON.stringify(config(options)));
    return path;
  }

  /** The agent as a program of its own, as built; resolves once the list is enforced. */
  async function startProgram(options: Partial<AgentConfigInput['lists'][number]>): Promise<ChildProcess> {
    const [program, ...args] = command(configFile(options));
    const child = spawn(program!, args, { cwd: PACKAGE, stdio: ['ignore', 'inherit', 'inherit'] });
    stack.defer(() => kill(child));
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`the agent ended with ${child.exitCode}`);
      const state = (await get('/lists').catch(() => null)) as { lists: { phase: string }[] } | null;
      return state?.lists[0]?.phase === 'enforced';
    });
    return child;
  }

  async function start(options: Partial<AgentConfigInput['lists'][number]>) {
    const acknowledged: Applied[] = [];
    const agent = await startAgent(agentConfigSchema.parse(config(options)), {
      logger: createLogger('agent', 'silent'),
      onAcknowledgement: (_, applied) => acknowledged.push(applied),
    });
    stack.use(agent);
    return { agent, acknowledged };
  }

  async function enforced(agent: Agent): Promise<void> {
    await until(() => agent.lists()[0]!.phase === 'enforced');
  }

  async function acknowledgedAs(acknowledged: readonly Applied[], result: Applied['result']): Promise<void> {
    await until(() => acknowledged.at(-1)?.result === result);
  }

  async function get(path: string): Promise<unknown> {
    const call = request({ socketPath: join(directory, 'agent.sock'), path }).end();
    const [response] = (await once(call, 'response')) as [AsyncIterable<Buffer>];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  }
});

function command(configPath: string): readonly string[] {
  const program = `const { runAgent } = await import('@higgins/agent'); await runAgent(${JSON.stringify(configPath)});`;
  return [process.execPath, '--input-type=module', '--eval', program];
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Packets that met the list after its time was up. */
function expiredPackets(): number {
  const text = execFileSync('nft', ['list', 'chain', 'inet', 'higgins', 'blocked_expired'], { encoding: 'utf8' });
  return Number(/packets (\d+)/.exec(text)?.[1]);
}

/** Resolves once nothing arrived for 50 ms of a stream that has a packet each millisecond. */
async function silent(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
