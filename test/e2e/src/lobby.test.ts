import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '@higgins/agent';
import { type IsolatedHost, IsolatedNetwork, Program } from '@higgins/cli';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../support/namespace.js';
import { until } from '../../support/until.js';

const built = (file: string) => fileURLToPath(new URL(`../../../packages/cli/dist/${file}`, import.meta.url));
const LOBBY = built('lobby.js');
const BACKEND = built('lab/backend.js');
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
/** Starting a Node process on a busy machine. */
const START_MS_MAX = 20_000;

await describeInNamespace('lobby', import.meta.filename, ['network'], () => {
  let directory: string;
  let network: IsolatedNetwork;
  let client: IsolatedHost;
  const programs: Program[] = [];
  const path = (...names: string[]) => join(directory, ...names);

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'higgins-lobby-'));
    chmodSync(directory, 0o755);
    network = new IsolatedNetwork();
    for (const name of ['one', 'two', 'three']) {
      const host = await network.addHost(name);
      await start(`backend-${name}`, [...host.enter, process.execPath, BACKEND, name, '8080'], 'listening');
    }
    client = await network.addHost('client');
    for (const name of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding']) writeFileSync(`/proc/sys/net/${name}`, '1');
    writeFileSync(path('lobby.conf'), configuration());
  });

  afterEach(async () => {
    for (const program of programs.filter(({ name }) => name.startsWith('lobby'))) await program.stop('SIGKILL');
    execFileSync('nft', ['flush', 'ruleset']);
  });

  afterAll(async () => {
    await Promise.all(programs.map((program) => program.stop('SIGKILL')));
    network[Symbol.dispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  function configuration(targetPort = 80): string {
    const upstreams = network.hosts.slice(0, 3).map(({ name, address }) => ({
      ...{ name, host: address.ipv4, port: 8080 },
      health_check: { protocol: 'tcp', port: 8080, probe: { check_interval: 1, timeout: 1, success_count: 1 } },
    }));
    const group = { name: 'group', distribution: 'round-robin', upstreams };
    const target = { name: 'web', protocol: 'tcp', port: targetPort, upstream_group: group };
    // JSON is YAML.
    return JSON.stringify({ lb: [{ engine: 'nftables', targets: [target] }] });
  }

  async function start(name: string, command: readonly string[], message: string): Promise<Program> {
    const program = new Program(name, command, path(`${name}.log`));
    programs.push(program);
    await program.line(`line "${message}"`, ({ msg }) => msg === message, START_MS_MAX);
    return program;
  }

  /** Starts `lobby` with a state and a socket of its own. */
  async function lobby(name: string, prefix: readonly string[] = [], ...flags: string[]): Promise<Program> {
    mkdirSync(path(name), { recursive: true, mode: 0o777 });
    chmodSync(path(name), 0o777);
    const env = ['/usr/bin/env', `LOBBY_STATE=${path(name, 'state')}`, `LOBBY_SOCKET=${path(name, 'socket')}`];
    const command = [...prefix, ...env, process.execPath, LOBBY, '-c', path('lobby.conf'), ...flags];
    const program = await start(`lobby-${name}`, command, 'balancing');
    await until(async () => {
      const { pools } = await control(name).status();
      return pools.every(({ available, members }) => available === members.length);
    });
    return program;
  }

  function once(flags: readonly string[], cwd = directory) {
    const env = { ...process.env, LOBBY_STATE: path('once', 'state'), LOBBY_SOCKET: path('once', 'socket') };
    return spawnSync(process.execPath, [LOBBY, ...flags], { cwd, env, encoding: 'utf8', timeout: START_MS_MAX });
  }

  /** Who answers on the client's side; null: nobody, and how that showed. */
  function visit(port = 80): string | null {
    const url = `http://${client.gateway.ipv4}:${port}/`;
    const { status, stdout } = spawnSync('nsenter', [...client.enter.slice(1), 'curl', '-s', '--max-time', '5', url], {
      encoding: 'utf8',
    });
    return status === 0 ? stdout : null;
  }

  const control = (name: string) => new ControlClient(path(name, 'socket'));

  describe('command line', () => {
    it('LOB-40: takes -c, else ./lobby.conf, else the one of the system, and ends with 1 if there is none', async () => {
      const empty = path('empty');
      mkdirSync(empty);
      const none = once([], empty);
      expect([none.status, none.stderr]).toEqual([1, expect.stringContaining('./lobby.conf, /etc/lobby/lobby.conf')]);
      const missing = once(['-c', 'missing.conf'], empty);
      expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining('missing.conf: cannot be read')]);
      writeFileSync(join(empty, 'lobby.conf'), 'lb: [{ engine: nftables, targets: [], colour: red }]');
      const here = once([], empty);
      expect([here.status, here.stderr]).toEqual([1, expect.stringMatching(/lobby\.conf:1: lb\[0\]\.colour: unknown/)]);
    });

    it('LOB-42: -h and -v print and end with 0', () => {
      expect(once(['-h'])).toMatchObject({ status: 0, stdout: expect.stringContaining('-c <file>') });
      expect(once(['-v'])).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/^lobby \(higgins\) \d+\.\d+\.\d+\n$/),
      });
    });

    it('LOB-41: takes its log levels in any case, and refuses others', async () => {
      expect(once(['-l', 'loud'])).toMatchObject({ status: 1, stderr: expect.stringContaining('expected critical') });
      for (const [level, chatty] of [
        ['CRITICAL', false],
        ['Warning', false],
        ['info', true],
        ['debug', true],
        ['debugVerbose', true],
      ] as const) {
        const name = `level-${level}`;
        mkdirSync(path(name), { recursive: true });
        const env = ['/usr/bin/env', `LOBBY_STATE=${path(name, 'state')}`, `LOBBY_SOCKET=${path(name, 'socket')}`];
        const program = new Program(
          `lobby-${name}`,
          [...env, process.execPath, LOBBY, '-c', path('lobby.conf'), '-l', level],
          path(`${name}.log`),
        );
        programs.push(program);
        await until(
          async () =>
            (
              await control(name)
                .status()
                .catch(() => null)
            )?.kernel.phase === 'in-force',
        );
        await program.stop('SIGTERM');
        expect(
          program.records.some((record) => record['level'] === 'info'),
          level,
        ).toBe(chatty);
      }
    });
  });

  it('LOB-01, LOB-08, LOB-10, LOB-46: one file balances in turn, and leaves everything else alone', async () => {
    await start('lobby-neighbour', [process.execPath, BACKEND, 'host', '81'], 'listening');
    await lobby('balanced');
    const answers = Array.from({ length: 6 }, () => visit());
    expect(answers.slice(0, 3).toSorted()).toEqual(['one', 'three', 'two']);
    expect(answers.slice(3)).toEqual(answers.slice(0, 3));
    expect(visit(81)).toBe('host');
  });

  it('LOB-14: needs nothing but nft, and is one process', async () => {
    const tools = path('tools');
    mkdirSync(tools);
    symlinkSync('/usr/sbin/nft', join(tools, 'nft'));
    const program = await lobby('minimal', ['/usr/bin/env', `PATH=${tools}`], '-l', 'info');
    expect(program.exitCode).toBeNull();
    const children = (pid: string) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    const pids = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(LOBBY));
    expect(pids.map(children)).toEqual(['']);
    expect(visit()).not.toBeNull();
  });

  it('LOB-43: SIGHUP reloads, SIGTERM ends with 0 and the kernel goes on', async () => {
    const program = await lobby('signals');
    writeFileSync(path('lobby.conf'), configuration(8081));
    program.signal('SIGHUP');
    await program.line('reload', ({ msg }) => msg === 'configuration read again', START_MS_MAX);
    expect([visit(), visit(8081)]).toEqual([null, expect.any(String)]);
    writeFileSync(path('lobby.conf'), 'lb: 3');
    program.signal('SIGHUP');
    const refused = await program.line('refusal', ({ level }) => level === 'error', START_MS_MAX);
    expect(refused['reason']).toMatch(/lobby\.conf:1: lb: /);
    expect(visit(8081)).not.toBeNull();
    writeFileSync(path('lobby.conf'), configuration());
    await program.stop('SIGTERM');
    expect(program.exitCode).toBe(0);
    expect(visit(8081)).not.toBeNull();
  });

  it('LOB-38, LOB-39: names the right that is missing, and runs as nobody with the two capabilities', async () => {
    cpSync(path('lobby.conf'), path('readable.conf'));
    chmodSync(path('readable.conf'), 0o644);
    mkdirSync(path('bare'), { mode: 0o777 });
    chmodSync(path('bare'), 0o777);
    const env = ['/usr/bin/env', `LOBBY_STATE=${path('bare', 'state')}`, `LOBBY_SOCKET=${path('bare', 'socket')}`];
    const [command = '', ...args] = [
      ...NOBODY,
      '--bounding-set=-all',
      ...env,
      process.execPath,
      LOBBY,
      '-c',
      path('readable.conf'),
    ];
    const refused = spawnSync(command, args, { encoding: 'utf8', timeout: START_MS_MAX });
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('CAP_NET_ADMIN') });
    const rights = ['--inh-caps=+net_admin,+net_raw', '--ambient-caps=+net_admin,+net_raw'];
    await lobby('capable', [...NOBODY, ...rights]);
    expect(visit()).not.toBeNull();
  });

  it('LOB-38: warns of a host that does not forward, with the remedy', async () => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '0');
    try {
      await lobby('still');
      const { warnings } = await control('still').status();
      expect(warnings).toContainEqual(expect.stringMatching(/net\.ipv4\.ip_forward.*sysctl/));
    } finally {
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    }
  });

  it('LOB-18, LOB-46: checks come every second, give or take the jitter', async () => {
    const program = await lobby('paced', [], '-l', 'debug');
    const status = () => control('paced').status();
    const checks = async () =>
      (await status()).pools.flatMap(({ members }) => members.map(({ check }) => check!.succeeded));
    await until(async () => Math.min(...(await checks())) >= 5);
    const { pools, startedWallMs } = await status();
    for (const { check } of pools.flatMap(({ members }) => members)) {
      const meanMs = (check!.lastWallMs! - startedWallMs) / check!.succeeded;
      expect(meanMs).toBeGreaterThan(600);
      expect(meanMs).toBeLessThan(1500);
    }
    await program.stop('SIGTERM');
  });
});

describe('the service unit', () => {
  const unit = fileURLToPath(new URL('../../../examples/systemd/higgins-lb.service', import.meta.url));

  it.skipIf(!existsSync('/usr/bin/systemd-analyze'))(
    'LOB-67: is accepted by systemd, reloads by SIGHUP, and has a few capabilities in place of root',
    () => {
      const directory = mkdtempSync(join(tmpdir(), 'higgins-unit-'));
      try {
        const text = readFileSync(unit, 'utf8');
        const file = join(directory, 'higgins-lb.service');
        writeFileSync(file, text.replace('/usr/bin/higgins', process.execPath));
        const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
        expect([status, stderr.trim()]).toEqual([0, '']);
        const report = spawnSync('systemd-analyze', ['security', '--offline=true', '--threshold=25', file], {
          encoding: 'utf8',
        });
        expect(report.status, report.stdout).toBe(0);
        expect(text).toMatch(/^ExecReload=.*-HUP \$MAINPID$/m);
        expect(text).toMatch(/^AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW CAP_BPF CAP_PERFMON$/m);
        // Looks at members of direct server return are packets of their own.
        expect(text).toMatch(/^RestrictAddressFamilies=.*\bAF_PACKET\b/m);
        expect(text).toMatch(/^DynamicUser=yes$/m);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  );
});

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It ended meanwhile.
    return '';
  }
}
