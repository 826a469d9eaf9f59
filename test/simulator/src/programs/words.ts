import type { ClientEvent } from '@higgins/client';
import { parseTrackName } from '@higgins/protocol';
import type { RelayEvent } from '@higgins/relay/core';
import { formatNamespace, formatPath } from '@higgins/signals';

/** What a relay tells its operator, in words. */
export function relayWords(event: RelayEvent): string {
  switch (event.kind) {
    case 'session-opened':
      return event.upstream
        ? `connected to upstream ${hostOf(event.address)}`
        : `takes a session of ${hostOf(event.address)}`;
    case 'session-closed': {
      const { address, upstream, code, reason } = event;
      return `lost ${upstream ? 'upstream' : 'the session of'} ${hostOf(address)}: ${cause(code, reason)}`;
    }
    case 'upstream-failed':
      return `cannot connect to upstream ${hostOf(event.url)}: ${event.reason}`;
    case 'fault':
      return `met a fault of its own: ${String(event.error)}`;
  }
}

/** What a client tells its log, in words. */
export function clientWords(event: ClientEvent): string {
  const track = 'name' in event ? formatPath(event.name) : '';
  const namespace = 'namespace' in event ? formatNamespace(event.namespace) : '';
  const reason = 'refusal' in event ? event.refusal.reason : 'reason' in event ? event.reason : '';
  return wordsOf({ ...event, track, namespace, reason });
}

/** The same of an event as an agent logs it; null if that is something else. */
export function loggedWords(details: { readonly event?: unknown; readonly name?: unknown }): string | null {
  if (typeof details.event !== 'string') return null;
  const name = typeof details.name === 'string' ? parseTrackName(details.name) : null;
  return wordsOf({ ...details, kind: details.event, ...(name === null ? {} : { track: formatPath(name) }) });
}

/** An event with names as text. */
interface Told {
  readonly kind: string;
  readonly url?: string;
  readonly track?: string;
  readonly namespace?: string;
  readonly writerId?: string;
  readonly file?: string;
  readonly code?: number | null;
  readonly reason?: string;
  readonly lost?: boolean;
}

function wordsOf(told: Told): string {
  const { kind, url = '', track = '', reason = '', code = null } = told;
  switch (kind) {
    case 'connected':
      return `connected to ${hostOf(url)}`;
    case 'connect-failed':
      return `cannot connect to ${hostOf(url)}: ${reason}`;
    case 'disconnected':
      return `lost ${hostOf(url)}: ${cause(code, reason)}`;
    case 'goaway':
      return `is asked to leave ${hostOf(url)}`;
    case 'subscribed':
      return `follows ${track}`;
    case 'subscription-failed':
      return `cannot follow ${track}: ${cause(code, reason)}`;
    case 'object-refused':
      return `refused an object of ${track}: ${reason}`;
    case 'gap':
      return `missed objects of ${track}${told.lost ? ', for good' : ''}`;
    case 'announced':
      return `announced ${told.namespace}`;
    case 'announce-failed':
      return `could not announce ${told.namespace}: ${reason}`;
    case 'publisher-lost':
      return `hears nothing more of the writer ${told.writerId}`;
    case 'publisher-back':
      return `hears the writer ${told.writerId} again`;
    case 'heartbeat-failed':
      return `could not say that it lives: ${reason}`;
    case 'renewal-failed':
      return `could not renew ${track}: ${reason}`;
    case 'storage-failed':
      return `${told.file}: ${reason}`;
    default:
      return reason === '' ? kind : `${kind}: ${reason}`;
  }
}

/** The machine behind a URL or an address. */
function hostOf(text: string): string {
  return text.replace(/^\w+:\/\//, '').replace(/[:/].*$/, '');
}

function cause(code: number | null, reason: string): string {
  if (reason !== '') return reason;
  return code === null ? 'the connection is gone' : `code ${code}`;
}
