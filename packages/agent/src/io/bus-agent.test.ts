import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@higgins/client';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { createLogger } from '@higgins/service';
import {
  type Applied,
  applied,
  type ExpiryMode,
  type NamedList,
  organisationList,
  parseListEntries,
} from '@higgins/signals';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startRelay } from '../../../../relay/src/io/start-relay.js';
import { type TestCertificates, testCertificates } from '../../../../relay/src/io/testing/certificates.js';
import { describeInNamespace } from '../../../../test/support/namespace.js';
import { until } from '../../../../test/support/until.js';
import { agentConfigSchema } from '../config.js';
import { type Agent, startAgent } from './agent.js';

const TRACK = 'org/acme/lists/blocked';
const PARAMS = { org: 'acme', list: 'blocked' };

await describeInNamespace('agent on the bus', import.meta.filename, ['network'], () => {
  let directory: string;
  let certificates: TestCertificates;
  let stack: AsyncDisposableStack;
  let relayPort: number;
  let stopRelay: () => Promise<void>;

  beforeEach(async () => {
    execFileSync('nft', ['flush', 'ruleset']);
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    directory = mkdtempSync(join(tmpdir(), 'higgins-bus-agent-'));
    certificates = await testCertificates();
    stack = new AsyncDisposableStack();
    const relay = await startRelay({
      listen: { host: '127.0.0.1', port: 0 },
      tls: { ...(await certificates.issue('relay')), clientAuthorities: certificates.authorities },
      log: { level: 'silent' },
    });
    relayPort = relay.port;
    stopRelay = () => relay.close();
    stack.defer(stopRelay);
  });

  afterEach(async () => {
    await stack.disposeAsync();
    rmSync(directory, { recursive: true });
    rmSync(certificates.directory, { recursive: true });
  });

  it('BUS-92, BUS-93: what is published is enforced, read back and acknowledged, changes and refusals too', async () => {
    const { agent } = await start();
    const publisher = await client('publisher');
    const acknowledgements = (await client('control')).subscribeMap(applied, { pop: 'fra1' });
    const { group } = await publisher.publish(
      organisationList,
      PARAMS,
      listOf(1, ['10.9.0.0/16', '2001:db8::/32'], 'closed'),
    );
    await until(() => acknowledgement()?.version === 1);
    expect(acknowledgement()).toMatchObject({ result: 'applied', group, entries: 2, reason: null });
    expect(agent.lists()[0]).toMatchObject({ phase: 'enforced', version: 1, freshness: 'live', onExpiry: 'closed' });
    expect(nftSet('blocked_ipv4_0')).toContain('10.9.0.0/16');
    await publisher.publish(organisationList, PARAMS, listOf(2, ['10.8.0.0/16'], 'closed'));
    await until(() => acknowledgement()?.version === 2);
    expect(nftSet('blocked_ipv4_0')).not.toContain('10.9.0.0/16');
    const hostile = { ...organisationList, encode: () => Uint8Array.of(0xff, 0x00) };
    await publisher.publish(hostile, PARAMS, listOf(3, [], 'closed'));
    await until(() => acknowledgement()?.result === 'refused');
    expect(acknowledgement()!.reason).toMatch(/payload/);
    expect(nftSet('blocked_ipv4_0')).toContain('10.8.0.0/16');
    await publisher.publish(organisationList, PARAMS, listOf(4, ['10.7.0.0/16'], 'closed'));
    await until(() => acknowledgement()?.version === 4 && acknowledgement()?.result === 'applied');

    function acknowledgement(): Applied | undefined {
      return acknowledgements.current?.value?.get(TRACK);
    }
  });

  it('BUS-43: with its publisher gone the list ends once, and the first fresh value ends the default', async () => {
    const acknowledged: Applied[] = [];
    await start(acknowledged);
    const publisher = await client('publisher');
    await publisher.publish(organisationList, PARAMS, listOf(1, ['10.9.0.0/16'], 'open'), { ttlMs: 2_000 });
    await until(() => acknowledged.length > 0);
    await publisher[Symbol.asyncDispose]();
    await until(() => acknowledged.some(({ result }) => result === 'expired'));
    const again = await client('publisher');
    await again.publish(organisationList, PARAMS, listOf(2, ['10.9.0.0/16'], 'open'), { ttlMs: 60_000 });
    await until(() => acknowledged.at(-1)?.version === 2);
    const results = acknowledged.map(({ result }) => result);
    expect(results.filter((result) => result === 'expired')).toHaveLength(1);
    expect(results.at(-1)).toBe('applied');
  });

  it('BUS-39: a silent writer, an own lost connection and the end of a value are three things, also in metrics', async () => {
    const { agent } = await start();
    const is = (condition: string) =>
      until(async () => {
        const { host, port } = agent.operations!;
        const metrics = await (await fetch(`http://${host}:${port}/metrics`)).text();
        const labels = `list="blocked",track="${TRACK}",condition="${condition}"`;
        const told = metrics.includes(`higgins_agent_list_condition{${labels}} 1`);
        return told && agent.lists()[0]!.condition === condition;
      });
    const publisher = await client('publisher');
    await publisher.publish(organisationList, PARAMS, listOf(1, ['10.9.0.0/16'], 'open'), { ttlMs: 9_000 });
    await is('ok');
    await publisher[Symbol.asyncDispose]();
    await is('heartbeat-lost');
    await is('expired');
    await (await client('again')).publish(organisationList, PARAMS, listOf(2, ['10.9.0.0/16'], 'open'));
    await is('ok');
    await stopRelay();
    await is('disconnected');
  });

  it('BUS-35, BUS-37: with every relay dead a restarted agent enforces last-good for what was left of its time', async () => {
    const { agent } = await start();
    const publisher = await client('publisher');
    await publisher.publish(organisationList, PARAMS, listOf(1, ['10.9.0.0/16'], 'closed'), { ttlMs: 3_600_000 });
    await until(() => agent.lists()[0]!.phase === 'enforced');
    await publisher[Symbol.asyncDispose]();
    await stopRelay();
    const left = agent.lists()[0]!.remainingMs!;
    const asked = performance.now();
    await agent[Symbol.asyncDispose]();
    execFileSync('nft', ['flush', 'ruleset']);
    const { agent: restarted } = await start();
    await until(() => restarted.lists()[0]!.phase === 'enforced');
    const expected = left - (performance.now() - asked);
    expect(Math.abs(restarted.lists()[0]!.remainingMs! - expected)).toBeLessThan(500);
    expect(nftSet('blocked_ipv4_0')).toContain('10.9.0.0/16');
    expect(restarted.match(TRACK, '10.9.1.1')).toMatchObject({ listed: true, list: { freshness: 'live' } });
    expect(restarted.match(TRACK, '10.8.1.1')).toMatchObject({ listed: false });
  });

  it('refuses a list with entries that it has no data for, and follows a deletion', async () => {
    const acknowledged: Applied[] = [];
    const { agent } = await start(acknowledged);
    const publisher = await client('publisher');
    await publisher.publish(organisationList, PARAMS, listOf(1, ['10.9.0.0/16', 'AS64500'], 'closed'));
    await until(() => acknowledged.at(-1)?.result === 'refused');
    expect(acknowledged.at(-1)!.reason).toContain('1 AS numbers and 0 carriers, expected addresses and prefixes only');
    await publisher.publish(organisationList, PARAMS, listOf(2, ['10.9.0.0/16'], 'closed'));
    await until(() => agent.lists()[0]!.phase === 'enforced');
    await publisher.remove(organisationList, PARAMS);
    await until(() => !nftSet('blocked_ipv4_0').includes('10.9.0.0/16'));
    expect(
      execFileSync('nft', ['list', 'map', 'inet', 'higgins', 'blocked_alive'], { encoding: 'utf8' }),
    ).not.toContain('goto');
  });

  async function start(acknowledged: Applied[] = []): Promise<{ agent: Agent }> {
    const config = agentConfigSchema.parse({
      pop: 'fra1',
      stateDirectory: join(directory, 'state'),
      relays: [{ url: `moqt://127.0.0.1:${relayPort}/` }],
      tls: { authorities: certificates.authorities, ...(await certificates.issue('agent')) },
      lists: [{ track: TRACK, name: 'blocked', hook: 'prerouting' }],
      admin: { port: 0 },
      logLevel: 'silent',
    });
    const logger = createLogger('agent', 'silent');
    const agent = await startAgent(config, { logger, onAcknowledgement: (_, value) => acknowledged.push(value) });
    stack.use(agent);
    return { agent };
  }

  async function client(name: string): Promise<Client> {
    const runtime = stack.use(new NodeRuntime({ directory: join(directory, name) }));
    const transport = new QuicTransport();
    stack.defer(() => transport.close());
    const files = await certificates.issue(name);
    const identity = {
      certificatePem: readFileSync(files.certificate, 'utf8'),
      privateKeyPem: readFileSync(files.privateKey, 'utf8'),
    };
    const authoritiesPem = readFileSync(certificates.authorities, 'utf8');
    const relays = [{ url: `moqt://127.0.0.1:${relayPort}/`, authoritiesPem, identity }];
    const opened = await Client.open({ runtime, transport, relays, writerId: name });
    stack.use(opened);
    return opened;
  }
});

function listOf(version: number, entries: readonly string[], expiry: ExpiryMode): NamedList {
  return { owner: 'acme', version, createdWallMs: null, expiry, entries: parseListEntries(entries) };
}

function nftSet(name: string): string {
  return execFileSync('nft', ['list', 'set', 'inet', 'higgins', name], { encoding: 'utf8' });
}
