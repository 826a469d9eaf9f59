import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = '/usr/sbin/pdns_server';
const CONTROL = '/usr/bin/pdns_control';
const BACKENDS = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/pdns/libbindbackend.so`);
const ZONE = 'lobby.example';
const ZONE_HEAD = [
  `$ORIGIN ${ZONE}.`,
  '@ 60 IN SOA ns hostmaster 1 3600 600 86400 1',
  '@ 60 IN NS ns',
  'ns 60 IN A 127.0.0.1',
];

/** A real PowerDNS, the authority for `lobby.example` on port 53 of one address of the namespace. */
export class PowerDns implements AsyncDisposable {
  readonly #directory: string;
  readonly #process: ChildProcess;

  private constructor(directory: string, process: ChildProcess) {
    this.#directory = directory;
    this.#process = process;
  }

  static get isInstalled(): boolean {
    return [PROGRAM, CONTROL].every((path) => existsSync(path)) && BACKENDS.some((path) => existsSync(path));
  }

  /** `directory` is made, and is the server's own; `records` are lines of a zone file. Resolves once it answers. */
  static async start(directory: string, address: string, records: readonly string[]): Promise<PowerDns> {
    mkdirSync(directory);
    const configuration = join(directory, 'named.conf');
    writeFileSync(configuration, `zone "${ZONE}" { type native; file "${join(directory, 'zone')}"; };\n`);
    writeZone(directory, records);
    const settings = [
      ...[`config-dir=${directory}`, `socket-dir=${directory}`, 'daemon=no', 'guardian=no', 'disable-syslog=yes'],
      ...['launch=bind', `bind-config=${configuration}`, `local-address=${address}`, 'loglevel=6'],
      ...['cache-ttl=0', 'query-cache-ttl=0', 'negquery-cache-ttl=0', 'zone-cache-refresh-interval=0'],
    ];
    const process = spawn(
      PROGRAM,
      settings.map((setting) => `--${setting}`),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    await readiness(process);
    return new PowerDns(directory, process);
  }

  /** Exchanges the zone’s records; the server answers by them when this returns. */
  replace(records: readonly string[]): void {
    writeZone(this.#directory, records);
    const where = [`--config-dir=${this.#directory}`, `--socket-dir=${this.#directory}`];
    execFileSync(CONTROL, [...where, 'bind-reload-now', ZONE], { stdio: 'ignore' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.kill('SIGKILL')) await once(this.#process, 'exit');
  }
}

function writeZone(directory: string, records: readonly string[]): void {
  writeFileSync(join(directory, 'zone'), `${[...ZONE_HEAD, ...records].join('\n')}\n`);
}

async function readiness(process: ChildProcess): Promise<void> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stderr! })) {
    lines.push(line);
    if (line.includes('ready to distribute questions')) {
      process.stderr!.resume();
      return;
    }
  }
  throw new Error(`PowerDNS did not start: ${lines.join('\n')}`);
}
