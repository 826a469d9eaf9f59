import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createAuthority, type IsolatedHost, IsolatedNetwork, issueIdentity, Program } from '@higgins/cli';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeInNamespace } from '../../support/namespace.js';

const HIGGINS = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));
const LARGE_FILE = fileURLToPath(new URL('../../support/large-file-server.mjs', import.meta.url));
const VIRTUAL = '10.9.9.9';
const START_MS_MAX = 20_000;
const MEBIBYTES = 1024;

await describeInNamespace('payload through the balancer', import.meta.filename, ['network'], () => {
  let directory: string;
  let network: IsolatedNetwork;
  let backend: IsolatedHost;
  let client: IsolatedHost;
  const programs: Program[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'higgins-payload-'));
    network = new IsolatedNetwork();
    backend = await network.addHost('backend');
    client = await network.addHost('client');
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    const member = (name: string, port: number) => ({
      name,
      members: [{ name, host: backend.address.ipv4, port }],
    });
    const listener = (name: string, port: number) => ({ name, protocol: 'tcp', port, rules: [{ pool: name }] });
    const loadBalancer = {
      ...{ name: 'pass', addresses: [VIRTUAL] },
      ...{ listeners: [listener('files', 80), listener('secrets', 443)] },
      ...{ pools: [member('files', 8080), member('secrets', 8443)] },
    };
    writeFileSync(path('lb.yaml'), JSON.stringify({ loadBalancers: [loadBalancer] }));
    const flags = ['--config', path('lb.yaml'), '--state', path('state'), '--socket', path('socket')];
    await start('balancer', [process.execPath, HIGGINS, 'lb', 'run', ...flags], 'balancing');
  });

  afterAll(async () => {
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    network[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  const path = (name: string) => join(directory, name);

  async function start(name: string, command: readonly string[], message: string): Promise<void> {
    const program = new Program(name, command, path(`${name}.log`));
    programs.push(program);
    await program.line(`line "${message}"`, ({ msg }) => msg === message, START_MS_MAX);
  }

  function run(host: IsolatedHost, script: string): string {
    const [command = '', ...enter] = host.enter;
    return execFileSync(command, [...enter, 'sh', '-c', script], { encoding: 'utf8', timeout: 100_000 });
  }

  it('L4-02: a gibibyte arrives as it was sent', async () => {
    const server = [...backend.enter, process.execPath, LARGE_FILE, '8080', String(MEBIBYTES)];
    await start('files', server, 'listening');
    const sent = run(backend, 'curl -s http://127.0.0.1:8080/ | sha256sum');
    const received = run(client, `curl -s http://${VIRTUAL}/ | sha256sum`);
    expect(received).toBe(sent);
  });

  it.skipIf(!existsSync('/usr/bin/openssl'))(
    "L4-02: TLS reaches the backend unopened: the client sees the backend's certificate",
    async () => {
      const identity = await issueIdentity(await createAuthority({ name: 'lab' }), {
        name: 'backend',
        hosts: ['backend.example'],
      });
      writeFileSync(path('backend.pem'), identity.certificatePem);
      writeFileSync(path('backend.key'), identity.privateKeyPem);
      const files = ['-cert', path('backend.pem'), '-key', path('backend.key')];
      const command = [...backend.enter, 'openssl', 's_server', '-accept', '8443', ...files, '-quiet', '-www'];
      programs.push(new Program('openssl', command, path('openssl.log')));
      const seen = run(
        client,
        `for try in $(seq 100); do openssl s_client -connect ${VIRTUAL}:443 -showcerts </dev/null 2>/dev/null | grep -q BEGIN && break; done; ` +
          `openssl s_client -connect ${VIRTUAL}:443 </dev/null 2>/dev/null | openssl x509`,
      );
      expect(new X509Certificate(seen).fingerprint256).toBe(
        new X509Certificate(identity.certificatePem).fingerprint256,
      );
    },
  );

  it('L4-01: the node itself listens on no port of the service', () => {
    const { stdout } = spawnSync('ss', ['-Hlntu'], { encoding: 'utf8' });
    expect(stdout.split('\n').filter((line) => /:(80|443)\s/.test(line))).toEqual([]);
    expect(readFileSync(path('balancer.log'), 'utf8')).toContain('balancing');
  });
});
