import { isIP } from 'node:net';
import type { Runtime } from '@higgins/runtime';
import { Turnstile, TurnstileFullError } from '../checks/turnstile.js';
import type { ResolutionOrder, ResolutionResult, Resolver } from '../core/contract.js';
import { familyOf, memberAddresses } from './addresses.js';
import { askServer, type DnsAnswer } from './dns-question.js';
import { dnsServer } from './dns-server.js';
import { ResolutionError } from './errors.js';
import { RESOLUTIONS_AT_A_TIME_MAX, RESOLUTIONS_WAITING_MAX, SERVER_TIMEOUT_MS } from './limits.js';
import { type SystemFiles, SystemNames } from './system-names.js';

/** What resolution needs beside the network. */
export interface DnsResolverOptions {
  readonly clock: Pick<Runtime, 'bootMs' | 'at'>;
  /** Time that one server has; default 2,000. */
  readonly serverTimeoutMs?: number;
  /** Default: those in `/etc`. */
  readonly systemFiles?: SystemFiles;
}

/**
 * Resolves names by DNS. Servers are asked in order until one has addresses: one that is down, fails, or says that the
 * name does not exist, hands over to the next. Names without servers of their own are looked up in the system's table and
 * then asked of the system's servers. Nothing is cached here.
 */
export class DnsResolver implements Resolver {
  readonly #clock: DnsResolverOptions['clock'];
  readonly #timeoutMs: number;
  readonly #system: SystemNames;
  readonly #turnstile = new Turnstile(RESOLUTIONS_AT_A_TIME_MAX, RESOLUTIONS_WAITING_MAX);

  constructor(options: DnsResolverOptions) {
    this.#clock = options.clock;
    this.#timeoutMs = options.serverTimeoutMs ?? SERVER_TIMEOUT_MS;
    this.#system = new SystemNames(options.systemFiles);
  }

  /**
   * A literal address stands for itself.
   *
   * @throws ResolutionError; the signal's reason
   */
  async resolve(order: ResolutionOrder, signal: AbortSignal): Promise<ResolutionResult> {
    signal.throwIfAborted();
    if (isIP(order.host) !== 0) return { addresses: memberAddresses([order.host]), ttlMs: null };
    try {
      await this.#turnstile.enter(signal);
    } catch (error) {
      if (!(error instanceof TurnstileFullError)) throw error;
      throw new ResolutionError('busy', `name "${order.host}" is not asked for: ${error.message}`, { cause: error });
    }
    try {
      return await this.#resolve(order, signal);
    } finally {
      this.#turnstile.leave();
    }
  }

  async #resolve(order: ResolutionOrder, signal: AbortSignal): Promise<ResolutionResult> {
    const { host, families, resolution } = order;
    if (resolution.servers.length > 0) return this.#ask(order, resolution.servers.map(dnsServer), signal);
    const local = memberAddresses(await this.#system.addresses(host));
    const addresses = local.filter((address) => families.includes(familyOf(address)));
    if (addresses.length > 0) return { addresses, ttlMs: null };
    return this.#ask(order, (await this.#system.servers()).map(dnsServer), signal);
  }

  /** An answer that leaves a family out is taken only if no server has a whole one. */
  async #ask(order: ResolutionOrder, servers: readonly string[], signal: AbortSignal): Promise<ResolutionResult> {
    const { host, families } = order;
    const limits = { clock: this.#clock, timeoutMs: this.#timeoutMs, signal };
    const reasons: string[] = [];
    let partial: DnsAnswer | null = null;
    for (const server of servers) {
      const answer = await askServer(server, host, families, limits);
      const { addresses, ttlMs, reason } = answer;
      if (reason === null) return { addresses, ttlMs };
      if (addresses.length > 0) partial ??= answer;
      reasons.push(`${server} ${reason}`);
    }
    if (partial === null) throw new ResolutionError('no-answer', `name "${host}": ${reasons.join('; ')}`);
    const { addresses, ttlMs, unanswered } = partial;
    return { addresses, ttlMs, unanswered };
  }
}
