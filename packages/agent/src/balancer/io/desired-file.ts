import type { Runtime } from '@higgins/runtime';
import { z } from 'zod';
import { reasonOf } from '../../reason.js';
import { PERSIST_INTERVAL_MS } from '../core/limits.js';

const FILE = 'balancer/desired.json';

const gatewaySchema = z.object({
  org: z.string(),
  gateway: z.string(),
  group: z.number(),
  configuration: z.string(),
  heardWallMs: z.number(),
});

const fileSchema = z.object({
  version: z.literal(1),
  gateways: z.array(gatewaySchema),
  // Files of before this was told apart have none.
  underWay: z.array(gatewaySchema).nullable().default(null),
});

/** What is known of one gateway's desired state. */
export type KnownGateway = z.output<typeof gatewaySchema>;

/** What a node remembers of the desired state. */
export interface RememberedDesired {
  /** What was in force. */
  readonly inForce: readonly KnownGateway[];
  /** What the kernel was about to get, and may have; null: nothing. */
  readonly underWay: readonly KnownGateway[] | null;
}

/** The desired state on disk: the newest counts, and what could not be written is tried again. */
export class DesiredFile implements AsyncDisposable {
  readonly #runtime: Runtime;
  readonly #warn: (reason: string) => void;
  #text = '';
  #writing: Promise<void> = Promise.resolve();
  #retry: Disposable | null = null;

  /** `warn` hears of a file that is damaged, or can't be written. */
  constructor(runtime: Runtime, warn: (reason: string) => void) {
    this.#runtime = runtime;
    this.#warn = warn;
  }

  /** What an earlier life left; nothing if there is none, or it is damaged. */
  async read(): Promise<RememberedDesired> {
    const bytes = await this.#runtime.disk.read(FILE);
    if (bytes === null) return { inForce: [], underWay: null };
    try {
      const { gateways, underWay } = fileSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
      return { inForce: gateways, underWay };
    } catch (error) {
      this.#warn(`${FILE} is not used: ${reasonOf(error)}`);
      return { inForce: [], underWay: null };
    }
  }

  /** Resolves once it is on disk, or could not be written: a full disk is no reason to keep the kernel waiting. */
  async write({ inForce, underWay }: RememberedDesired): Promise<void> {
    this.#text = JSON.stringify({ version: 1, gateways: inForce, underWay });
    await this.#begin();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#retry?.[Symbol.dispose]();
    await this.#writing;
    this.#retry?.[Symbol.dispose]();
  }

  #begin(): Promise<void> {
    this.#retry?.[Symbol.dispose]();
    this.#retry = null;
    const text = this.#text;
    this.#writing = this.#writing.then(() => this.#attempt(text));
    return this.#writing;
  }

  async #attempt(text: string): Promise<void> {
    const runtime = this.#runtime;
    try {
      await runtime.disk.replace(FILE, Buffer.from(text));
    } catch (error) {
      this.#warn(`${FILE}: ${reasonOf(error)}`);
      if (text !== this.#text) return;
      this.#retry?.[Symbol.dispose]();
      this.#retry = runtime.at(runtime.bootMs() + PERSIST_INTERVAL_MS, () => void this.#begin());
    }
  }
}
