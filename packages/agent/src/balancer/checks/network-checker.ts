import type { Runtime } from '@higgins/runtime';
import type { Checker, CheckOrder, CheckResult } from '../core/contract.js';
import { CheckTypes } from './check-types.js';
import { httpProbe, httpsProbe } from './http-probe.js';
import { CHECKS_AT_A_TIME_MAX, CHECKS_WAITING_MAX } from './limits.js';
import { onAbort } from './on-abort.js';
import { type Attempt, failed, inconclusive, type Outcome, type Probe } from './probe.js';
import { reasonOf } from './reason.js';
import { registeredProbe } from './registered-probe.js';
import { tcpProbe } from './tcp-probe.js';
import { TlsClient, tlsProbe } from './tls-probe.js';
import { Turnstile } from './turnstile.js';
import { udpProbe } from './udp-probe.js';

type Clock = Pick<Runtime, 'bootMs' | 'at'>;

/** What checks need beside the network. */
export interface NetworkCheckerOptions {
  readonly clock: Clock;
  /** Default: the built-in types alone. */
  readonly types?: CheckTypes;
  /** Trusted authorities in PEM; default: those that come with Node and those of the system. */
  readonly certificateAuthorities?: readonly string[];
  /** Checks on the wire at a time, 1 and above; default 2,048. */
  readonly atATimeMax?: number;
}

/**
 * Carries out checks on the network, from the node's own addresses. At most so many are on the wire at a time, the others
 * wait in the order in which they came; a check's time begins when it leaves the queue, and whatever it holds is released
 * when it ends. What only the node is to blame for is inconclusive: that it had no sockets, or stood still.
 */
export class NetworkChecker implements Checker {
  readonly types: CheckTypes;
  readonly #clock: Clock;
  readonly #turnstile: Turnstile;
  readonly #builtIn: Readonly<Record<string, Probe>>;

  constructor(options: NetworkCheckerOptions) {
    this.#clock = options.clock;
    this.types = options.types ?? new CheckTypes();
    this.#turnstile = new Turnstile(options.atATimeMax ?? CHECKS_AT_A_TIME_MAX, CHECKS_WAITING_MAX);
    const tls = new TlsClient(options.certificateAuthorities ?? null);
    this.#builtIn = {
      tcp: tcpProbe,
      udp: udpProbe,
      http: httpProbe,
      https: httpsProbe(tls),
      tls: tlsProbe(tls),
    };
  }

  /** Checks on the wire, and checks that wait for their turn. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#turnstile.inside, waiting: this.#turnstile.waiting };
  }

  async run(order: CheckOrder, signal: AbortSignal): Promise<CheckResult> {
    signal.throwIfAborted();
    try {
      const probe = this.#probeOf(order.check.type);
      if (!this.#turnstile.tryEnter()) await this.#turnstile.enter(signal);
      try {
        return await carryOut(probe, order, this.#clock, signal);
      } finally {
        this.#turnstile.leave();
      }
    } catch (error) {
      signal.throwIfAborted();
      // An unknown type, or too many that wait: the member was not asked.
      return resultOf(inconclusive(reasonOf(error)), 0);
    }
  }

  #probeOf(type: string): Probe {
    const builtIn = Object.hasOwn(this.#builtIn, type) ? this.#builtIn[type] : undefined;
    if (builtIn !== undefined) return builtIn;
    this.types.assertKnown(type);
    return registeredProbe(this.types.registered(type)!);
  }
}

/** One check: by its outcome, its deadline or the signal, whichever comes first. */
function carryOut(probe: Probe, order: CheckOrder, clock: Clock, signal: AbortSignal): Promise<CheckResult> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const startedMs = clock.bootMs();
    let attempt: Attempt | null = null;
    let ended = false;
    const end = (): boolean => {
      if (ended) return false;
      ended = true;
      deadline[Symbol.dispose]();
      cancel();
      attempt?.end();
      return true;
    };
    const settle = (outcome: Outcome) => {
      if (end()) resolve(resultOf(outcome, clock.bootMs() - startedMs));
    };
    const abort = () => {
      if (end()) reject(signal.reason);
    };
    const { timeoutMs } = order.check;
    const deadline = clock.at(startedMs + timeoutMs, () => {
      const lateMs = clock.bootMs() - startedMs - timeoutMs;
      // Answers that are there already are read first: a busy node is no reason to take a member out.
      setImmediate(() => settle(lateMs < timeoutMs ? (attempt?.silence ?? tooLate(timeoutMs)) : stoodStill(lateMs)));
    });
    const cancel = onAbort(signal, abort);
    try {
      attempt = probe(order, settle);
      if (ended) attempt.end();
    } catch (error) {
      settle(inconclusive(reasonOf(error)));
    }
  });
}

function tooLate(timeoutMs: number): Outcome {
  return failed(`no answer within ${timeoutMs} ms`);
}

/** Stopped, asleep or out of processor time for as long as the member had: who was too late is not known. */
function stoodStill(lateMs: number): Outcome {
  return inconclusive(`this node stood still for ${Math.round(lateMs)} ms`);
}

function resultOf(outcome: Outcome, latencyMs: number): CheckResult {
  const { failure, inconclusive: isInconclusive, certificateEndsWallMs } = outcome;
  return {
    ok: failure === null,
    latencyMs,
    reason: failure,
    ...(isInconclusive ? { inconclusive: true } : {}),
    ...(certificateEndsWallMs === undefined ? {} : { certificateEndsWallMs }),
  };
}
