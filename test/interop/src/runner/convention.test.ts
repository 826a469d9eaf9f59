import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { interopCases } from '@higgins/cli';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeIdentity, type TestIdentity } from '../support/identity.js';
import { Program } from '../support/program.js';

const main = fileURLToPath(new URL('../../../../packages/cli/dist/main.js', import.meta.url));
const NAMES = interopCases.map(({ name }) => name);

let identity: TestIdentity;
let relay: Program;
let port: number;

beforeAll(async () => {
  identity = await makeIdentity();
  relay = Program.start(process.execPath, [main, 'interop'], {
    MOQT_ROLE: 'relay',
    MOQT_PORT: '0',
    MOQT_CERT: identity.certificateFile,
    MOQT_KEY: identity.privateKeyFile,
  });
  ({ port } = JSON.parse(await relay.line(/"relay listens"/)) as { port: number });
});

afterAll(async () => {
  await relay?.[Symbol.asyncDispose]();
  identity?.[Symbol.dispose]();
});

describe('BUS-67: the convention of the public interop runner', () => {
  it('lists the six cases', () => {
    const { stdout, status } = interop(['-l']);
    expect([status, stdout]).toEqual([
      0,
      'setup-only\nannounce-only\npublish-namespace-done\nsubscribe-error\nannounce-subscribe\nsubscribe-before-announce\n',
    ]);
  });

  it.each(['moqt', 'https'])('BUS-66: passes all six cases against our relay over %s://, by flags', (scheme) => {
    const file = join(dirname(identity.certificateFile), `${scheme}.json`);
    const { stdout, status } = interop([
      ...['-r', `${scheme}://127.0.0.1:${port}`, '--tls-disable-verify', '-v', '--json', file],
    ]);
    expect(stdout).toMatch(/^TAP version 14\n(#.*\n)+1\.\.6\n/);
    expect(points(stdout)).toEqual(NAMES.map((name, index) => `ok ${index + 1} - ${name}`));
    expect(status).toBe(0);
    const transport = scheme === 'moqt' ? 'quic' : 'webtransport-h3';
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      draft: 'draft-18',
      cases: NAMES.map((name) => ({ name, passed: true })),
    });
    expect(stdout.match(new RegExp(`transport: "${transport}"`, 'g'))).toHaveLength(8);
    expect(stdout).toMatch(/^# announce-subscribe, publisher: subscribe of request 1 /m);
  });

  it('takes the same from the environment, and flags go before it', () => {
    const environment = {
      RELAY_URL: `moqt://127.0.0.1:${port}`,
      TESTCASE: 'announce-only',
      TLS_DISABLE_VERIFY: '1',
      VERBOSE: '1',
      MOQT_DRAFT: 'draft-18',
    };
    const byEnvironment = interop([], environment);
    expect(byEnvironment.stdout).toMatch(/^# announce-only, client: setup$/m);
    expect([byEnvironment.status, points(byEnvironment.stdout)]).toEqual([0, ['ok 1 - announce-only']]);
    expect(points(interop(['-t', 'setup-only'], environment).stdout)).toEqual(['ok 1 - setup-only']);
  });

  it('exits 127 for a case, role or draft that it does not have, and says which there are', () => {
    for (const [args, environment, message] of [
      [['-t', 'teleport'], {}, 'case "teleport": expected one of setup-only, '],
      [[], { MOQT_ROLE: 'publisher' }, 'role "publisher": expected client or relay'],
      [[], { MOQT_DRAFT: 'draft-14' }, 'MOQT_DRAFT "draft-14": expected draft-18'],
    ] as const) {
      const { status, stdout, stderr } = interop(args, environment);
      expect([status, stdout]).toEqual([127, '']);
      expect(stderr).toContain(message);
    }
  });

  it('exits 1 with a test point that says why where nobody listens, and where the certificate is not trusted', () => {
    for (const [url, received] of [
      // Port 1 is tcpmux: nobody has used it over UDP for decades.
      ['moqt://127.0.0.1:1', 'refused'],
      [`https://127.0.0.1:${port}`, 'certificate-rejected'],
    ] as const) {
      const { status, stdout } = interop(['-r', url, '-t', 'setup-only']);
      expect([status, points(stdout)]).toEqual([1, ['not ok 1 - setup-only']]);
      expect(stdout).toContain(`\n  received: "${received}"\n`);
    }
    const trusted = ['-r', `https://127.0.0.1:${port}`, '-t', 'setup-only', '--tls-ca', identity.authoritiesFile];
    expect(interop(trusted).status).toBe(0);
  });
});

/** Runs the command; a busy machine has ample time. */
function interop(args: readonly string[], environment: Record<string, string> = {}) {
  const { MOQT_ROLE: _, ...inherited } = process.env;
  return spawnSync(process.execPath, [main, 'interop', '--time-factor', '10', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...inherited, ...environment },
  });
}

function points(tap: string): string[] {
  return tap.split('\n').filter((line) => /^(not )?ok /.test(line));
}
