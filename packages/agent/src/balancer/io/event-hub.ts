import type { Log } from '../../log.js';
import type { BalancerEvent } from '../core/events.js';
import type { EventNotice } from '../core/status.js';
import { describeEvent } from '../events/describe.js';
import { READER_EVENTS_MAX } from './limits.js';

interface Reader {
  readonly waiting: BalancerEvent[];
  lost: number;
  wake: (() => void) | null;
}

/** Hands every event to the log and to whoever listens; nobody can hold it up. */
export class EventHub {
  readonly #log: Log;
  readonly #listeners: ((event: BalancerEvent) => void)[] = [];
  readonly #readers = new Set<Reader>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Calls `listener` with every event from now on; it must return at once and not throw. */
  listen(listener: (event: BalancerEvent) => void): void {
    this.#listeners.push(listener);
  }

  tell(event: BalancerEvent): void {
    const { severity, atWallMs: _, ...particulars } = event;
    this.#log[LEVELS[severity]](particulars, describeEvent(event));
    for (const listener of this.#listeners) listener(event);
    for (const reader of this.#readers) {
      reader.waiting.push(event);
      if (reader.waiting.length > READER_EVENTS_MAX) {
        reader.waiting.shift();
        reader.lost += 1;
      }
      reader.wake?.();
    }
  }

  /** Events from now on, until the signal; a slow reader loses the oldest and is told how many. */
  read(signal: AbortSignal): AsyncIterable<EventNotice> {
    const reader: Reader = { waiting: [], lost: 0, wake: null };
    this.#readers.add(reader);
    const end = () => {
      this.#readers.delete(reader);
      reader.wake?.();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    return noticesOf(reader, signal);
  }
}

async function* noticesOf(reader: Reader, signal: AbortSignal): AsyncGenerator<EventNotice> {
  while (!signal.aborted) {
    if (reader.lost > 0) {
      const { lost } = reader;
      reader.lost = 0;
      yield { kind: 'lost', events: lost };
    }
    const event = reader.waiting.shift();
    if (event !== undefined) yield event;
    else {
      await new Promise<void>((resolve) => {
        reader.wake = resolve;
      });
      reader.wake = null;
    }
  }
}

const LEVELS = { info: 'info', warning: 'warn', critical: 'error' } as const;
