import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectOptions } from '@higgins/transport';
import { HIGGINS, RELAY } from './paths.js';
import { Program, runToEnd } from './process.js';

const START_MS_MAX = 20_000;
const HOST = '127.0.0.1';

/** Two tiers: publishers attach to `origin`, subscribers to `edge`, whose upstream is `origin`. Mutual TLS throughout. */
export class TwoTiers implements AsyncDisposable {
  readonly origin: Program;
  readonly edge: Program;
  readonly originUrl: string;
  readonly edgeUrl: string;
  readonly #certificates: string;

  private constructor(certificates: string, origin: StartedRelay, edge: StartedRelay) {
    this.#certificates = certificates;
    this.origin = origin.program;
    this.edge = edge.program;
    this.originUrl = origin.url;
    this.edgeUrl = edge.url;
  }

  /** Makes certificates below `directory`, starts both relays and waits until they listen. */
  static async start(directory: string): Promise<TwoTiers> {
    const certificates = join(directory, 'certificates');
    await runToEnd([...HIGGINS, 'certs', 'init', '--dir', certificates, '--json']);
    for (const name of ['origin', 'edge', 'client']) {
      await runToEnd([...HIGGINS, 'certs', 'issue', '--dir', certificates, '--name', name, '--host', HOST, '--json']);
    }
    const origin = await startRelay(directory, certificates, 'origin', []);
    try {
      return new TwoTiers(certificates, origin, await startRelay(directory, certificates, 'edge', [origin.url]));
    } catch (error) {
      await origin.program.stop('SIGKILL');
      throw error;
    }
  }

  /** The identity of publishers, as the transport takes it. */
  get client(): Pick<ConnectOptions, 'authoritiesPem' | 'identity'> {
    const read = (name: string) => readFileSync(join(this.#certificates, name), 'utf8');
    return {
      authoritiesPem: read('ca.pem'),
      identity: { certificatePem: read('client.pem'), privateKeyPem: read('client.key') },
    };
  }

  /** The same as flags, which the load client and the command line share. */
  get clientFlags(): readonly string[] {
    const file = (name: string) => join(this.#certificates, name);
    return ['--tls-ca', file('ca.pem'), '--tls-cert', file('client.pem'), '--tls-key', file('client.key')];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.origin.stop('SIGKILL'), this.edge.stop('SIGKILL')]);
  }
}

interface StartedRelay {
  readonly program: Program;
  readonly url: string;
}

async function startRelay(
  directory: string,
  certificates: string,
  name: string,
  upstreams: readonly string[],
): Promise<StartedRelay> {
  const file = (extension: string) => join(certificates, `${name}.${extension}`);
  const tls = { certificate: file('pem'), privateKey: file('key'), clientAuthorities: join(certificates, 'ca.pem') };
  const config = { listen: { host: HOST, port: 0 }, tls, upstreams: upstreams.map((url) => ({ url })) };
  const path = join(directory, `${name}.yaml`);
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(config));
  const program = new Program(name, [...RELAY, path]);
  try {
    const listening = await program.record(({ msg }) => msg === 'relay listens', 'line that it listens', START_MS_MAX);
    return { program, url: `moqt://${HOST}:${listening['port']}` };
  } catch (error) {
    await program.stop('SIGKILL');
    throw error;
  }
}
