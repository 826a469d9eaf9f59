import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { Peer } from '../../../../../test/support/peer.js';
import { until } from '../../../../../test/support/until.js';
import { listen, order, virtualClock } from './checks.fixture.js';
import { NetworkChecker } from './network-checker.js';

const { signal } = new AbortController();
const PORT = 9_000;
const PORT_RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
/** As /proc/net/tcp has them. */
const SYN_SENT = '02';
const TIME_WAIT = '06';

await describeInNamespace('checks and the kernel', import.meta.filename, ['network'], () => {
  let clock: ReturnType<typeof virtualClock>;
  let checker: NetworkChecker;

  beforeAll(() => void execFileSync('ip', ['link', 'set', 'lo', 'up']));

  beforeEach(() => {
    clock = virtualClock();
    checker = new NetworkChecker({ clock: clock.runtime });
  });

  afterEach(() => {
    execFileSync('nft', ['flush', 'ruleset']);
    writeFileSync(PORT_RANGE, '32768 60999');
  });

  it.each(['tcp', 'http', 'https', 'tls'])(
    'L4-32, LOB-19: a dropped SYN is a failed %s check at the timeout, and nothing is left',
    async (type) => {
      filter(`tcp dport ${PORT} counter drop`);
      const result = checker.run(order(type, PORT), signal);
      await until(() => dropped() > 0);
      expect(states(PORT)).toEqual([SYN_SENT]);
      await clock.world.runFor(2_000);
      expect(await result).toEqual({ ok: false, latencyMs: 2_000, reason: 'no answer within 2000 ms' });
      await until(() => states(PORT).length === 0);
    },
  );

  it('LOB-57: a dropped datagram is silence: good if nothing is expected, else a failure', async () => {
    filter(`udp dport ${PORT} counter drop`);
    const expecting = { payload: new Uint8Array(), expect: new Uint8Array() };
    const results = [
      checker.run(order('udp', PORT), signal),
      checker.run(order('udp', PORT, { udp: expecting }), signal),
    ];
    await until(() => dropped() === 2);
    await clock.world.runFor(2_000);
    expect((await Promise.all(results)).map(({ ok }) => ok)).toEqual([true, false]);
  });

  it.each([
    ['tcp', 'with icmp host-unreachable', 'host unreachable (EHOSTUNREACH)'],
    ['tcp', 'with icmp net-unreachable', 'network unreachable (ENETUNREACH)'],
    ['tcp', 'with icmp admin-prohibited', 'host unreachable (EHOSTUNREACH)'],
    ['udp', 'with icmp port-unreachable', 'connection refused (ECONNREFUSED)'],
    ['udp', 'with icmp admin-prohibited', 'host unreachable (EHOSTUNREACH)'],
  ])('L4-31, LOB-57: a %s check hears a reject %s', async (type, how, reason) => {
    filter(`${type} dport ${PORT} reject ${how}`);
    expect(await checker.run(order(type, PORT), signal)).toMatchObject({ ok: false, reason });
  });

  it('ends a TCP check with a reset, so that neither side keeps a closed connection', async () => {
    const server = createServer((socket) => socket.on('error', () => {}));
    await listen(server, '127.0.0.1', PORT);
    for (let count = 0; count < 20; count++) expect((await checker.run(order('tcp', PORT), signal)).ok).toBe(true);
    expect(states(PORT).filter((state) => state === TIME_WAIT)).toEqual([]);
    server.close();
    await once(server, 'close');
  });

  it('takes a connection to itself for a closed port', async () => {
    writeFileSync(PORT_RANGE, `${PORT} ${PORT}`);
    const echo = createConnection({ host: '127.0.0.1', port: PORT, autoSelectFamily: false });
    await once(echo, 'connect');
    echo.resetAndDestroy();
    await once(echo, 'close');
    expect(await checker.run(order('tcp', PORT), signal)).toMatchObject({
      ok: false,
      reason: 'connection refused, met only itself',
    });
  });

  it('says that it could not check when the node has no port left', async () => {
    const server = createServer((socket) => socket.on('error', () => {}));
    await listen(server, '127.0.0.1', PORT);
    writeFileSync(PORT_RANGE, '40000 40000');
    const other = createConnection({ host: '127.0.0.1', port: PORT, autoSelectFamily: false });
    await once(other, 'connect');
    expect(await checker.run(order('tcp', PORT), signal)).toMatchObject({
      ok: false,
      inconclusive: true,
      reason: expect.stringContaining('EADDRNOTAVAIL'),
    });
    other.resetAndDestroy();
    server.close();
    await once(server, 'close');
  });

  it('L4-31: the check comes from the node’s own address', async () => {
    await using peer = await Peer.create(['10.9.0.1/16', '10.9.0.100/16'], ['10.9.0.2/16']);
    const rules = [`ip saddr 10.9.0.1 tcp dport ${PORT} reject with tcp reset`, `tcp dport ${PORT} drop`];
    peer.run('nft', `table inet t { chain c { type filter hook input priority 0; ${rules.join('; ')}; }; }`);
    const result = await checker.run(order('tcp', PORT, { address: '10.9.0.2' }), signal);
    expect(result.reason).toBe('connection refused (ECONNREFUSED)');
  });
});

function filter(rule: string): void {
  execFileSync('nft', [`table inet t { chain c { type filter hook input priority 0; ${rule}; }; }`]);
}

function dropped(): number {
  const [, packets] = /counter packets (\d+)/.exec(
    execFileSync('nft', ['list', 'table', 'inet', 't'], { encoding: 'utf8' }),
  )!;
  return Number(packets);
}

/** States of the connections from this side to a port of 127.0.0.1. */
function states(port: number): string[] {
  const remote = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.flatMap(([, , to, state]) => (to === remote && state !== undefined ? [state] : []));
}
