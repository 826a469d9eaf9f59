import type { ClientEvent } from '@higgins/client';
import type { RelayEvent } from '@higgins/relay/core';
import { formatNamespace, formatPath } from '@higgins/signals';

/** What a relay tells its operator, in words. */
export function relayWords(event: RelayEvent): string {
  switch (event.kind) {
    case 'session-opened':
      return event.upstream
        ? `has a session with its upstream ${hostOf(event.address)}`
        : `takes a session of ${hostOf(event.address)}`;
    case 'session-closed': {
      const { address, upstream, code, reason } = event;
      return `lost ${upstream ? 'its upstream' : 'the session of'} ${hostOf(address)}: ${cause(code, reason)}`;
    }
    case 'upstream-failed':
      return `cannot reach its upstream ${hostOf(event.url)}: ${event.reason}`;
    case 'fault':
      return `met a fault of its own: ${String(event.error)}`;
  }
}

/** What a client tells its log, in words. */
export function clientWords(event: ClientEvent): string {
  switch (event.kind) {
    case 'connected':
      return `connected to ${hostOf(event.url)}`;
    case 'connect-failed':
      return `cannot connect to ${hostOf(event.url)}: ${event.reason}`;
    case 'disconnected':
      return `lost ${hostOf(event.url)}: ${cause(event.code, event.reason)}`;
    case 'goaway':
      return `is asked to leave ${hostOf(event.url)}`;
    case 'subscribed':
      return `follows ${formatPath(event.name)}`;
    case 'subscription-failed':
      return `cannot follow ${formatPath(event.name)}: ${cause(event.code, event.reason)}`;
    case 'object-refused':
      return `refused an object of ${formatPath(event.name)}: ${event.refusal.reason}`;
    case 'gap':
      return `missed objects of ${formatPath(event.name)}${event.lost ? ', for good' : ''}`;
    case 'announced':
      return `announced ${formatNamespace(event.namespace)}`;
    case 'announce-failed':
      return `could not announce ${formatNamespace(event.namespace)}: ${event.reason}`;
    case 'publisher-lost':
      return `hears nothing more of the writer ${event.writerId}`;
    case 'publisher-back':
      return `hears the writer ${event.writerId} again`;
    case 'heartbeat-failed':
      return `could not say that it lives: ${event.reason}`;
    case 'renewal-failed':
      return `could not renew ${formatPath(event.name)}: ${event.reason}`;
    case 'storage-failed':
      return `${event.file}: ${event.reason}`;
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
