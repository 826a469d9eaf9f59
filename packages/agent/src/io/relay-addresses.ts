import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Runtime } from '@higgins/runtime';
import { RESOLVE_INTERVAL_MS } from '../limits.js';
import type { RelayAddress } from '../targets/nft/structure.js';

/** Port of URLs that name none, as the transport has it. */
const DEFAULT_PORT = 443;
/** Addresses of one name that are let through. */
const ADDRESSES_PER_RELAY_MAX = 32;
/** How long the start of the agent waits for names to be resolved. */
const FIRST_ANSWER_MS_MAX = 2_000;
const FILE = 'relay-addresses';

/**
 * The addresses of the relays. Names are resolved again and again; one that can't be resolved keeps its addresses, also
 * over a restart, because a list that fails closed may stand between the agent and its name server.
 */
export class RelayAddresses implements Disposable {
  readonly #relays: readonly { readonly host: string; readonly port: number }[];
  readonly #runtime: Runtime;
  readonly #changed: (addresses: readonly RelayAddress[]) => void;
  readonly #known = new Map<string, readonly string[]>();
  #timer: Disposable | null = null;
  #stopped = false;
  #latest = '';

  constructor(urls: readonly string[], runtime: Runtime, changed: (addresses: readonly RelayAddress[]) => void) {
    this.#relays = urls.map(hostAndPort);
    this.#runtime = runtime;
    this.#changed = changed;
  }

  /** Resolves once the addresses are known, at the latest after two seconds: enforcing must not wait for a name server. */
  async start(): Promise<void> {
    await this.#load();
    if (this.#known.size > 0) await this.#publish();
    const patience = Promise.withResolvers<void>();
    const timer = this.#runtime.at(this.#runtime.bootMs() + FIRST_ANSWER_MS_MAX, patience.resolve);
    await Promise.race([this.#resolve(), patience.promise]);
    timer[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    this.#timer?.[Symbol.dispose]();
  }

  async #resolve(): Promise<void> {
    await Promise.all(this.#relays.map(({ host }) => this.#resolveOne(host)));
    if (this.#stopped) return;
    await this.#publish();
    const isLiteral = this.#relays.every(({ host }) => isIP(host) !== 0);
    if (isLiteral || this.#stopped) return;
    this.#timer = this.#runtime.at(this.#runtime.bootMs() + RESOLVE_INTERVAL_MS, () => void this.#resolve());
  }

  async #resolveOne(host: string): Promise<void> {
    try {
      const found = await lookup(host, { all: true });
      this.#known.set(
        host,
        found.slice(0, ADDRESSES_PER_RELAY_MAX).map(({ address }) => address),
      );
    } catch {
      // What is known stays; connecting to the relay will tell the operator what is wrong with the name.
    }
  }

  async #publish(): Promise<void> {
    const addresses = this.#relays.flatMap(({ host, port }) =>
      (this.#known.get(host) ?? []).map((address) => ({ address, port })),
    );
    const latest = JSON.stringify([...this.#known]);
    if (latest === this.#latest) return;
    this.#latest = latest;
    this.#changed(addresses);
    // Without the file, the next start only knows less.
    await this.#runtime.disk.replace(FILE, Buffer.from(latest)).catch(() => {});
  }

  async #load(): Promise<void> {
    const bytes = await this.#runtime.disk.read(FILE).catch(() => null);
    if (bytes === null) return;
    try {
      const hosts = new Set(this.#relays.map(({ host }) => host));
      for (const [host, addresses] of JSON.parse(Buffer.from(bytes).toString('utf8')) as [string, string[]][]) {
        if (hosts.has(host))
          this.#known.set(
            host,
            addresses.filter((address) => isIP(address) !== 0),
          );
      }
    } catch {
      // A damaged file counts as none.
    }
  }
}

function hostAndPort(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? DEFAULT_PORT : Number(port),
  };
}
