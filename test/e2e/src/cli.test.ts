import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));
const data = (file: string) => fileURLToPath(new URL(`../../../examples/data/ip-lists/${file}`, import.meta.url));
const TRACK = 'org/acme/lists/github';
/** Starting a Node process and a QUIC handshake on a busy machine. */
const EVENT_MS_MAX = 20_000;

let directory: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'higgins-cli-'));
  for (const args of [
    ['init', '--dir', 'certs'],
    ['issue', '--dir', 'certs', '--name', 'relay', '--host', '127.0.0.1'],
    ['issue', '--dir', 'certs', '--name', 'client'],
    ['issue', '--dir', 'certs', '--name', 'relay-b'],
    ['issue', '--dir', 'certs', '--name', 'pop-fra1'],
    ['issue', '--dir', 'certs', '--name', 'expired', '--days', '-1'],
    ['init', '--dir', 'foreign', '--name', 'foreign authority'],
    ['issue', '--dir', 'foreign', '--name', 'stranger'],
  ]) {
    expect(higgins(['certs', ...args]).status).toBe(0);
  }
});

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'close');
  }
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function higgins(args: readonly string[]) {
  return spawnSync(process.execPath, [main, ...args], { cwd: directory, encoding: 'utf8', timeout: EVENT_MS_MAX });
}

/** Starts a command; `line` resolves with the first line of its output that matches. */
function start(args: readonly string[]) {
  const child = spawn(process.execPath, [main, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const lines: string[] = [];
  const line = (matches: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${matches} in:\n${lines.join('\n')}`)), EVENT_MS_MAX);
      const look = () => {
        const found = lines.find((text) => matches.test(text));
        if (found === undefined) return;
        clearTimeout(timer);
        child.off('line', look);
        resolve(found);
      };
      child.on('line', look);
      look();
    });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (text) => {
      lines.push(text);
      child.emit('line');
    });
  }
  return { child, line };
}

function tls(name: string, folder = 'certs') {
  return ['--tls-ca', 'certs/ca.pem', '--tls-cert', `${folder}/${name}.pem`, '--tls-key', `${folder}/${name}.key`];
}

async function startRelay(flags: readonly string[] = []) {
  const relay = start(['relay', '--listen', '127.0.0.1:0', ...tls('relay'), ...flags]);
  const { port } = JSON.parse(await relay.line(/"relay listens"/)) as { port: number };
  return { ...relay, port };
}

describe('the command line', () => {
  it.each(['moqt', 'https'])(
    'BUS-31: publishes a list and reads it back over %s, and a changed file is a new version',
    async (scheme) => {
      const { port } = await startRelay();
      const url = `${scheme}://127.0.0.1:${port}`;
      const file = join(directory, `${scheme}.txt`);
      writeFileSync(file, readFileSync(data('2026-02-21/github-ipv4.txt')));
      const state = ['--state', `state-${scheme}`, '--ttl', '10m', '--on-expiry', 'closed'];
      const publisher = start(['publish', TRACK, '--relay', url, ...tls('client'), '--file', file, ...state, '--json']);
      await publisher.line(/"committed".*"version":1,"entries":3251/);
      const subscriber = start(['subscribe', url, TRACK, ...tls('client'), '--json']);
      await subscriber.line(/"version":1,"freshness":"live".*"onExpiry":"closed".*"ipv4":3251/);
      writeFileSync(file, readFileSync(data('2026-08-21/github-ipv4.txt')));
      await subscriber.line(/"version":2,"freshness":"live".*"ipv4":4063/);
    },
  );

  it('goes on with the next version after a restart of the publisher', async () => {
    const { port } = await startRelay();
    const file = join(directory, 'restart.txt');
    const args = ['publish', TRACK, '--relay', `moqt://127.0.0.1:${port}`, ...tls('client'), '--file', file];
    writeFileSync(file, '192.0.2.0/24\n');
    const first = start([...args, '--state', 'state-restart', '--json']);
    await first.line(/"committed".*"version":1,/);
    first.child.kill('SIGKILL');
    await once(first.child, 'close');
    const second = start([...args, '--state', 'state-restart', '--json']);
    await second.line(/"unchanged".*"version":1,/);
    writeFileSync(file, '192.0.2.0/24\n198.51.100.0/24\n');
    await second.line(/"committed".*"version":2,"entries":2/);
    second.child.kill('SIGTERM');
    expect(await once(second.child, 'close')).toEqual([0, null]);
  });

  it.each([
    ['none', ['--tls-ca', 'certs/ca.pem'], 'no certificate'],
    ['an expired one', tls('expired'), 'expired'],
    ['one of a foreign authority', tls('stranger', 'foreign'), 'unknown authority'],
  ])('a relay refuses a client whose certificate is %s, and says so', async (_what, flags, reason) => {
    const { port } = await startRelay();
    const subscriber = start(['subscribe', `moqt://127.0.0.1:${port}`, TRACK, ...flags]);
    const line = await subscriber.line(/client certificate/);
    expect(line).toContain(`relay demands a client certificate of an authority that it trusts: ${reason}`);
  });

  it('a relay with --anonymous admits a client without a certificate, and says so loudly', async () => {
    const relay = await startRelay(['--anonymous']);
    await relay.line(/"warn".*ANONYMOUS/);
    const url = `moqt://127.0.0.1:${relay.port}`;
    const state = ['--state', 'state-anonymous'];
    start([
      'publish',
      TRACK,
      '--relay',
      url,
      '--tls-disable-verify',
      '--file',
      data('2026-02-21/github-ipv6.txt'),
      ...state,
    ]);
    const subscriber = start(['subscribe', url, TRACK, '--tls-disable-verify', '--count', '1', '--json']);
    await subscriber.line(/"ipv6":1009/);
    expect(await once(subscriber.child, 'close')).toEqual([0, null]);
  });

  it('a busy port is one clear sentence', async () => {
    const { port } = await startRelay();
    const { status, stderr } = higgins(['relay', '--listen', `127.0.0.1:${port}`, ...tls('relay')]);
    expect([status, stderr]).toEqual([1, `higgins: 127.0.0.1:${port} is already in use\n`]);
  });

  it.each([
    ['host bits', '192.0.2.0/24\n192.0.2.1/24\n', /bad\.txt:2 is "192\.0\.2\.1\/24", expected/],
    ['a duplicate', '192.0.2.0/24\n192.0.2.0/24\n', /bad\.txt:2 is "192\.0\.2\.0\/24", expected/],
    ['no address', 'example\n', /bad\.txt:1 is "example", expected/],
  ])('BUS-28: a list with %s is refused before anything is published', (_what, text, expected) => {
    writeFileSync(join(directory, 'bad.txt'), text);
    const flags = ['--relay', 'moqt://127.0.0.1:1', ...tls('client'), '--file', 'bad.txt'];
    const { status, stderr } = higgins(['publish', TRACK, ...flags]);
    expect(status).toBe(2);
    expect(stderr).toMatch(expected);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('BUS-135: validate-config names a wrong key and its line', () => {
    writeFileSync(
      join(directory, 'relay.yaml'),
      'listen: { port: 4443 }\ntls: { certificate: a, privateKey: b }\nanonymus: true\n',
    );
    const { status, stderr } = higgins(['validate-config', 'relay', 'relay.yaml']);
    expect([status, stderr]).toEqual([2, 'higgins: relay.yaml:3: anonymus: unknown key\n']);
  });

  it('the example configurations are valid', () => {
    for (const kind of ['relay', 'agent']) {
      const file = fileURLToPath(new URL(`../../../examples/${kind}.yaml`, import.meta.url));
      expect(higgins(['validate-config', kind, file])).toMatchObject({ status: 0, stderr: '' });
    }
  });
});
