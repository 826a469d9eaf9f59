import type { Log } from '@higgins/agent/portable';
import type { ProcessContext } from '../frame/node.js';

/** What production code logs becomes part of a run's history; its debugging does not. */
export function logOf({ note }: Pick<ProcessContext, 'note'>): Log {
  const tell = (details: object, message: string) => {
    const particulars = Object.entries(details).map(([name, value]) => `${name} ${textOf(value)}`);
    note(particulars.length === 0 ? message : `${message} (${particulars.join(', ')})`);
  };
  return { debug() {}, info: tell, warn: tell, error: tell };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
