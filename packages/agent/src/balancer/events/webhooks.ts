import type { LookupFunction } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Runtime } from '@higgins/runtime';
import { trustedAuthorities } from '../checks/authorities.js';
import type { Resolver } from '../core/contract.js';
import type { BalancerEvent, Severity } from '../core/events.js';
import { resolverLookup } from './name-lookup.js';
import { post } from './post.js';
import type { Notification } from './webhook-body.js';
import { type WebhookConfig, webhookName } from './webhook-config.js';
import { type WebhookCounters, WebhookQueue } from './webhook-queue.js';

/** What webhooks need. */
export interface WebhooksOptions {
  readonly webhooks: readonly WebhookConfig[];
  /** Names the node in every event. */
  readonly node: string;
  readonly runtime: Pick<Runtime, 'bootMs' | 'wallMs' | 'at' | 'random'>;
  /** Resolves the receivers' names. */
  readonly resolver: Resolver;
  /** Trusted authorities in PEM; default: those that come with Node and those of the system. */
  readonly certificateAuthorities?: readonly string[];
  /** Hears when deliveries to a receiver begin to fail, with the reason, and null when they succeed again. */
  readonly failing?: (webhook: string, reason: string | null) => void;
}

/** One receiver and what became of its events. */
export interface WebhookStatus extends WebhookCounters {
  readonly webhook: string;
  readonly waiting: number;
}

interface Receiver {
  readonly name: string;
  readonly kinds: ReadonlySet<BalancerEvent['kind']> | null;
  readonly severity: Severity;
  readonly queue: WebhookQueue;
}

const SEVERITIES: readonly Severity[] = ['info', 'warning', 'critical'];
/** Time that the last deliveries have when a program ends. */
const CLOSE_MS = 2_000;

/**
 * Sends events to receivers by HTTP. Each has its own bounded queue, order and retries, so that one that is slow or dead
 * delays neither the others nor whoever tells the events.
 */
export class Webhooks implements AsyncDisposable {
  readonly #node: string;
  readonly #startedWallMs: number;
  readonly #receivers: readonly Receiver[];
  readonly #lookups = new AbortController();
  #sequence = 0;

  constructor(options: WebhooksOptions) {
    const { webhooks, node, runtime, resolver } = options;
    this.#node = node;
    this.#startedWallMs = Math.round(runtime.wallMs());
    const lookup = resolverLookup(resolver, this.#lookups.signal);
    const ca = options.certificateAuthorities ?? trustedAuthorities;
    let context: SecureContext | null = null;
    const secureContext = () => {
      context ??= createSecureContext({ ca: [...(typeof ca === 'function' ? ca() : ca)] });
      return context;
    };
    this.#receivers = webhooks.map((webhook) => receiverOf(webhook, options, { lookup, secureContext }));
  }

  /** Takes an event in for all receivers that want it; returns at once and never throws. */
  notify(event: BalancerEvent): void {
    const id = `${this.#node}/${this.#startedWallMs}/${this.#sequence++}`;
    const notification: Notification = { id, node: this.#node, event };
    for (const { kinds, severity, queue } of this.#receivers) {
      const isWanted = kinds === null || kinds.has(event.kind);
      if (isWanted && SEVERITIES.indexOf(event.severity) >= SEVERITIES.indexOf(severity)) queue.add(notification);
    }
  }

  get status(): readonly WebhookStatus[] {
    return this.#receivers.map(({ name, queue }) => ({ webhook: name, waiting: queue.waiting, ...queue.counters }));
  }

  /** Tries once more what waits, for at most so long; default 2,000 ms. Events that come later are dropped. */
  async close(withinMs = CLOSE_MS): Promise<void> {
    await Promise.all(this.#receivers.map(({ queue }) => queue.close(withinMs)));
    this.#lookups.abort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function receiverOf(
  webhook: WebhookConfig,
  options: WebhooksOptions,
  connection: { readonly lookup: LookupFunction; readonly secureContext: () => SecureContext },
): Receiver {
  const name = webhookName(webhook);
  const url = new URL(webhook.url);
  const { headers, timeoutMs, severity, kinds } = webhook;
  const { lookup, secureContext } = connection;
  const queue = new WebhookQueue({
    runtime: options.runtime,
    timeoutMs,
    send: (body, signal) => {
      const context = url.protocol === 'https:' ? { secureContext: secureContext() } : {};
      return post({ url, headers, body, lookup, ...context }, signal);
    },
    failing: (reason) => options.failing?.(name, reason),
  });
  return { name, kinds: kinds === undefined ? null : new Set(kinds), severity, queue };
}
