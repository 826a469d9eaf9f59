import type { Runtime } from '@higgins/runtime';
import { type AnnouncedRoute, renderRoutes } from './routes.js';
import type { BirdTarget } from './target.js';

export interface RouteKeeperOptions {
  readonly target: Pick<BirdTarget, 'announce'>;
  readonly runtime: Runtime;
  /** These routes are announced, and no others. */
  announced(routes: readonly AnnouncedRoute[]): void;
  /** Told once for a run of failures with the same reason; it is tried again until it succeeds. */
  failed(error: Error): void;
}

/** What somebody else took away is announced again within this time. */
const VERIFY_MS = 30_000;
const RETRY_MS_MIN = 1_000;

/** Keeps announced what should be: one change at a time, the newest wish next, failures tried again. */
export class RouteKeeper implements AsyncDisposable {
  readonly #options: RouteKeeperOptions;
  #wanted: readonly AnnouncedRoute[] | null = null;
  #inForce: string | null = null;
  #timer: Disposable | null = null;
  #working: Promise<void> | null = null;
  #again = false;
  #closed = false;
  #retryMs = RETRY_MS_MIN;
  #failure: string | null = null;

  constructor(options: RouteKeeperOptions) {
    this.#options = options;
  }

  /** What should be announced from now on; cheap if it is what already is. */
  want(routes: readonly AnnouncedRoute[]): void {
    this.#wanted = routes;
    if (renderRoutes(routes) !== this.#inForce) this.#turn();
  }

  /** Ends after the change that is under way; what is announced stays announced, as the table stays in the kernel. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    await this.#working;
  }

  #turn(): void {
    this.#again = true;
    if (this.#working !== null || this.#closed) return;
    this.#working = this.#work().finally(() => {
      this.#working = null;
    });
  }

  async #work(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    while (this.#again && !this.#closed) {
      this.#again = false;
      this.#schedule(await this.#announce(this.#wanted ?? []));
    }
  }

  /** Resolves to the time after which to look again. */
  async #announce(routes: readonly AnnouncedRoute[]): Promise<number> {
    try {
      const changed = await this.#options.target.announce(routes);
      if (changed || this.#inForce === null) this.#options.announced(routes);
      this.#inForce = renderRoutes(routes);
      this.#retryMs = RETRY_MS_MIN;
      this.#failure = null;
      return VERIFY_MS;
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      this.#inForce = null;
      if (error.message !== this.#failure) this.#options.failed(error);
      this.#failure = error.message;
      const pauseMs = this.#retryMs;
      this.#retryMs = Math.min(2 * pauseMs, VERIFY_MS);
      return pauseMs;
    }
  }

  #schedule(afterMs: number): void {
    const { runtime } = this.#options;
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#closed ? null : runtime.at(runtime.bootMs() + afterMs, () => this.#turn());
  }
}
