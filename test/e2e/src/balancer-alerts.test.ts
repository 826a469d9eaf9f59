import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Program } from '../../../packages/cli/src/isolated/program.js';
import { EventReceiver, type ReceivedEvent } from '../../support/event-receiver.js';
import { describeInNamespace } from '../../support/namespace.js';
import { BACKEND_PORT, SITE_ADDRESS, SiteLab } from '../../support/site-lab.js';
import { until } from '../../support/until.js';

const CLIENT = fileURLToPath(new URL('../../../packages/cli/dist/lab/client.js', import.meta.url));
const WAIT_MS_MAX = 30_000;

await describeInNamespace('alerts of a balancer', import.meta.filename, ['network'], () => {
  let directory: string;
  let lab: SiteLab;
  let receiver: EventReceiver;
  let balancer: Program;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'higgins-alerts-'));
    lab = await SiteLab.create(directory, ['red', 'green']);
  });

  beforeEach(async () => {
    receiver = await EventReceiver.open();
    await lab.reset();
  });

  afterEach(() => receiver[Symbol.asyncDispose]());

  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  it('L4-79: a dead backend is out of the pool, then its flows end, then both are told in that order', async () => {
    await start();
    const { holder, backend } = await hold();
    const seen: { kind: string; isInKernel: boolean }[] = [];
    receiver.received = ({ kind }) => seen.push({ kind, isInKernel: slotsOf(backend) > 0 });
    expect(slotsOf(backend)).toBeGreaterThan(0);
    silence(backend);
    await until(() => receiver.of('flows-cut').length > 0);
    expect(told().map(({ kind }) => kind)).toEqual(['member', 'flows-cut']);
    expect(seen.find(({ kind }) => kind === 'flows-cut')).toMatchObject({ isInKernel: false });
    const logged = balancer.records.map(({ kind, to, msg }) => (kind === 'member' ? to : (kind ?? msg)));
    const order = ['ejected', 'the kernel has the newest state', 'flows-cut'];
    expect(logged.slice(logged.indexOf('ejected')).filter((line) => order.includes(String(line)))).toEqual(order);
    expect(await lab.visit(10)).not.toContain(backend);
    await holder.stop('SIGKILL');
  });

  it('L4-79: a drained backend is out of the pool, keeps its connection, and each step is told', async () => {
    await start();
    const { holder, backend } = await hold();
    await lab.control.drain({ member: backend }, { deadlineMs: null });
    await until(() => receiver.of('drain-progress').length > 0);
    expect(receiver.of('drain-progress')[0]!.event).toMatchObject({ member: backend, connections: 1 });
    expect(await lab.visit(10)).not.toContain(backend);
    await holder.stop('SIGTERM');
    expect(holder.records.filter(({ error }) => error !== undefined)).toEqual([]);
    await until(() => receiver.of('member', 'drained').length > 0);
    const steps = told().map(({ kind, event }) => event['to'] ?? kind);
    expect([...new Set(steps)]).toEqual(['draining', 'drain-progress', 'drained']);
  });

  it('LOB-62: what triggers an event is logged and posted, and posted again until it is taken', async () => {
    await start({
      members: [
        ...[['red', 0] as const, ['green', 1] as const].map(([name, index]) => ({
          ...{ name, host: lab.network.hosts[index]!.address.ipv4, port: BACKEND_PORT },
        })),
        { name: 'named', host: 'nobody.test', port: BACKEND_PORT, resolution: { servers: ['127.0.0.1:9'] } },
      ],
    });
    await until(() => receiver.of('name-stale').length > 0);
    receiver.isRefusing = true;
    await lab.kill('red');
    await until(() => receiver.refusals > 0);
    await lab.kill('green');
    await until(async () => (await lab.control.status()).pools[0]!.mode === 'reject');
    expect(await lab.visit()).toEqual([null]);
    receiver.isRefusing = false;
    await until(() => receiver.of('pool').length > 0);
    expect(receiver.of('member', 'ejected').map(({ event }) => event['member'])).toEqual(['red', 'green']);
    expect(receiver.of('pool')[0]).toMatchObject({ severity: 'critical', event: { to: 'reject' } });
    await lab.startBackend('red');
    await until(() => receiver.of('member', 'active').some(({ event }) => event['member'] === 'red'));
    writeFileSync(lab.path('lb.yaml'), 'loadBalancers: 7');
    balancer.signal('SIGHUP');
    await until(() => receiver.of('configuration-refused').length > 0);
    expect(new Set(receiver.events.map(({ id }) => id)).size).toBe(receiver.events.length);
    const logged = new Set(balancer.records.map(({ kind }) => kind));
    for (const { kind } of receiver.events) expect(logged).toContain(kind);
    expect(await lab.visit()).toEqual(['red']);
  });

  it('LOB-62: a receiver that is down has no effect on traffic', async () => {
    const { url } = receiver;
    await receiver[Symbol.asyncDispose]();
    await start({}, url);
    await lab.kill('red');
    await until(async () => (await lab.control.status()).pools[0]!.available === 1);
    expect(await lab.visit(20)).toEqual(Array(20).fill('green'));
    await balancer.line('line about the receiver', ({ webhook }) => webhook === 'receiver', WAIT_MS_MAX);
  });

  async function start(pool: object = {}, url = receiver.url): Promise<void> {
    writeFileSync(lab.path('lb.yaml'), JSON.stringify(lab.document('local', pool)));
    const webhooks = [{ name: 'receiver', url }];
    balancer = await lab.startBalancer({ webhooks }, '--config', lab.path('lb.yaml'), '--log-level', 'debug');
    await until(async () => (await lab.control.status()).pools[0]!.available === 2);
  }

  /** A connection of a client that asks on it again and again, and who answers. */
  async function hold(): Promise<{ holder: Program; backend: string }> {
    const { enter, address } = lab.client;
    const command = [process.execPath, CLIENT, SITE_ADDRESS, '80', address.ipv4, '--hold', '--pause-ms', '50'];
    const holder = lab.spawn('holder', [...enter, ...command]);
    const { backend } = await holder.line('first answer', (record) => 'backend' in record, WAIT_MS_MAX);
    return { holder, backend: String(backend) };
  }

  /** What was posted of members. */
  function told(): ReceivedEvent[] {
    return receiver.events.filter(({ event }) => 'member' in event);
  }

  /** The backend's host is gone from the network: nobody there ends its connections. */
  function silence(backend: string): void {
    execFileSync('ip', ['link', 'set', backend, 'down']);
  }

  /** Slots in the kernel that lead to the backend: the service's map leads to a mark, and the mark to the member's chain. */
  function slotsOf(backend: string): number {
    const { ipv4 } = lab.network.hosts[lab.backends.indexOf(backend)]!.address;
    const ruleset = execFileSync('nft', ['list', 'ruleset'], { encoding: 'utf8', maxBuffer: 64 << 20 });
    const chain = new RegExp(`chain (m\\.\\S+) {[^}]*dnat ip to ${ipv4}:${BACKEND_PORT}`).exec(ruleset)?.[1];
    const mark = new RegExp(`(0x[0-9a-f]{8}) : goto ${chain}\\b`).exec(ruleset)?.[1];
    const map = /ct mark set jhash .* map @(\S+)/.exec(ruleset)?.[1];
    const [, elements = ''] = ruleset.split(`map ${map} {`);
    return elements.slice(0, elements.indexOf('\n\t}')).split(` : ${mark}`).length - 1;
  }
});
