import { LOAD_CLIENT } from './paths.js';
import { Program } from './process.js';
import type { TwoTiers } from './relays.js';

/** What the load client found; see `test/load-client`. */
export interface LoadResult {
  readonly deliveries: number;
  readonly payloadBytes: number;
  readonly resets: number;
  readonly untimed: number;
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly max: number };
}

export interface LoadOptions {
  readonly track: string;
  readonly connections: number;
  /** Objects per connection, `warmup` of which are left out of the figures; without it, it runs until it is stopped. */
  readonly objects?: number;
  readonly warmup?: number;
}

const SUBSCRIBE_MS_MAX = 60_000;

/** Subscribers at the edge, native and in a process of their own. */
export class LoadClient implements AsyncDisposable {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Resolves once every subscription stands. */
  static async start(tiers: TwoTiers, options: LoadOptions): Promise<LoadClient> {
    const { track, connections, objects, warmup = 0 } = options;
    const program = new Program('load client', [
      ...[LOAD_CLIENT, '--url', tiers.edgeUrl, '--track', track, '--connections', String(connections)],
      ...['--warmup', String(warmup), '--timeout', String(SUBSCRIBE_MS_MAX / 1000), ...tiers.clientFlags],
      ...(objects === undefined ? [] : ['--objects', String(objects)]),
    ]);
    const client = new LoadClient(program);
    try {
      await program.record(({ event }) => event === 'ready', 'line that it is ready', SUBSCRIBE_MS_MAX);
      return client;
    } catch (error) {
      await program.stop('SIGKILL');
      throw error;
    }
  }

  /** What it found, once it has seen all objects. */
  async result(boundMs: number): Promise<LoadResult> {
    const record = await this.#program.record(({ event }) => event === 'result', 'result', boundMs);
    return record as unknown as LoadResult;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.stop('SIGKILL');
  }
}
