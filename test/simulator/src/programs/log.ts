import type { Log } from '@higgins/agent/portable';
import type { ProcessContext } from '../frame/node.js';
import { loggedWords } from './words.js';

/** What production code logs becomes part of a run's history and its coverage; its debugging does not. */
export function logOf({ note, mark }: Pick<ProcessContext, 'note' | 'mark'>, part: string): Log {
  const tell = (details: object, message: string) => {
    mark(part, transitionOf(details) ?? message);
    note(loggedWords(details) ?? withParticulars(message, details));
  };
  return { debug() {}, info: tell, warn: tell, error: tell };
}

function withParticulars(message: string, details: object): string {
  const particulars = Object.entries(details).map(([name, value]) => `${name} ${textOf(value)}`);
  return particulars.length === 0 ? message : `${message} (${particulars.join(', ')})`;
}

/** The kind of event, where the message is made of its particulars. */
function transitionOf(details: { readonly kind?: unknown; readonly event?: unknown }): string | null {
  const name = details.kind ?? details.event;
  return typeof name === 'string' ? name : null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
