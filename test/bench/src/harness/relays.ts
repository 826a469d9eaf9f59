import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectOptions } from '@higgins/transport';
import { HIGGINS, RELAY } from './paths.js';
import { Program, runToEnd } from './process.js';

const START_MS_MAX = 20_000;
const LOOPBACK = '127.0.0.1';

/** Two tiers: publishers attach to `origin`, subscribers to `edge`, whose upstream is `origin`. Mutual TLS throughout. */
export class TwoTiers implements AsyncDisposable {
  readonly origin: Program;
  readonly edge: Program;
  readonly originUrl: string;
  readonly edgeUrl: string;
  readonly edgePort: number;
  readonly #certificates: string;

  private constructor(certificates: string, origin: StartedRelay, edge: StartedRelay) {
    this.#certificates = certificates;
    this.origin = origin.program;
    this.edge = edge.program;
    this.originUrl = origin.url;
    this.edgeUrl = edge.url;
    this.edgePort = edge.port;
  }

  /**
   * Makes certificates below `directory`, starts both relays and waits until they listen: the edge on all addresses,
   * with `edgeAddresses` in its certificate besides the loopback.
   */
  static async start(directory: string, edgeAddresses: readonly string[] = []): Promise<TwoTiers> {
    const certificates = join(directory, 'certificates');
    await runToEnd([...HIGGINS, 'certs', 'init', '--dir', certificates, '--json']);
    for (const name of ['origin', 'edge', 'client']) {
      const hosts = [LOOPBACK, ...edgeAddresses].flatMap((host) => ['--host', host]);
      await runToEnd([...HIGGINS, 'certs', 'issue', '--dir', certificates, '--name', name, ...hosts, '--json']);
    }
    const common = { directory, certificates };
    const origin = await startRelay({ ...common, name: 'origin', host: LOOPBACK, upstreams: [] });
    try {
      const edge = await startRelay({ ...common, name: 'edge', host: '0.0.0.0', upstreams: [origin.url] });
      return new TwoTiers(certificates, origin, edge);
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

  /** The same as paths of files. */
  get clientFiles(): { readonly authorities: string; readonly certificate: string; readonly privateKey: string } {
    const file = (name: string) => join(this.#certificates, name);
    return { authorities: file('ca.pem'), certificate: file('client.pem'), privateKey: file('client.key') };
  }

  /** The same as flags, which the load client and the command line share. */
  get clientFlags(): readonly string[] {
    const { authorities, certificate, privateKey } = this.clientFiles;
    return ['--tls-ca', authorities, '--tls-cert', certificate, '--tls-key', privateKey];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.origin.stop('SIGKILL'), this.edge.stop('SIGKILL')]);
  }
}

interface StartedRelay {
  readonly program: Program;
  readonly port: number;
  readonly url: string;
}

interface RelayPlan {
  readonly directory: string;
  readonly certificates: string;
  readonly name: string;
  readonly host: string;
  readonly upstreams: readonly string[];
}

async function startRelay({ directory, certificates, name, host, upstreams }: RelayPlan): Promise<StartedRelay> {
  const file = (extension: string) => join(certificates, `${name}.${extension}`);
  const tls = { certificate: file('pem'), privateKey: file('key'), clientAuthorities: join(certificates, 'ca.pem') };
  const config = { listen: { host, port: 0 }, tls, upstreams: upstreams.map((url) => ({ url })) };
  const path = join(directory, `${name}.yaml`);
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(config));
  const program = new Program(name, [...RELAY, path]);
  try {
    const listening = await program.record(({ msg }) => msg === 'relay listens', 'line that it listens', START_MS_MAX);
    return { program, port: Number(listening['port']), url: `moqt://${LOOPBACK}:${listening['port']}` };
  } catch (error) {
    await program.stop('SIGKILL');
    throw error;
  }
}
