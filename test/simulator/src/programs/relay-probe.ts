import type { Notice, ReceivedObject, RequestId } from '@higgins/protocol';
import { parsePath, readObjectProperties } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { keepRawSession, type RawSession } from './raw-session.js';
import { relayUrl } from './relay.js';

export interface RelayProbeOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  readonly relays: readonly string[];
  /** Paths of tracks. */
  readonly tracks: readonly string[];
  /** Mean pause between two questions to one relay. */
  readonly intervalMs: number;
}

/** Beyond every Group ID that Higgins writes. */
const END_OF_TIME = { group: Number.MAX_SAFE_INTEGER, object: 0 };
const START = { group: 0, object: 0 };
/** Share of questions that are joins: what newcomers ask. The others ask for what a cache has. */
const JOIN_RATE = 0.4;
/** How long a join listens for what comes live. */
const JOIN_MS = 1500;

/** Asks every relay again and again what it has of the tracks, and tells what is on the wire. */
export function relayProbeProgram(options: RelayProbeOptions): Program {
  return (context) => {
    for (const relay of options.relays) new RelayProbe(context, relay, options).start();
  };
}

class RelayProbe {
  readonly #context: ProcessContext;
  readonly #relay: string;
  readonly #options: RelayProbeOptions;
  #raw: RawSession | null = null;
  /** What is asked for, by request, with the object that came last. */
  readonly #asked = new Map<RequestId, Asked>();

  constructor(context: ProcessContext, relay: string, options: RelayProbeOptions) {
    this.#context = context;
    this.#relay = relay;
    this.#options = options;
  }

  start(): void {
    const { identity, authoritiesPem } = this.#options;
    keepRawSession(this.#context, {
      ...{ url: relayUrl(this.#relay), identity, authoritiesPem },
      up: (raw) => {
        this.#raw = raw;
      },
      down: () => {
        this.#raw = null;
        this.#asked.clear();
      },
      noticed: (raw, notice) => this.#noticed(raw, notice),
    });
    this.#askLater();
  }

  #askLater(): void {
    const { runtime } = this.#context;
    const { intervalMs, tracks } = this.#options;
    runtime.at(runtime.bootMs() + intervalMs * 2 * runtime.random(), () => {
      const track = tracks[Math.floor(runtime.random() * tracks.length)]!;
      const busy = [...this.#asked.values()].some((asked) => asked.track === track);
      if (this.#raw !== null && !busy) {
        if (runtime.random() < JOIN_RATE) this.#join(this.#raw, track);
        else this.#fetch(this.#raw, track);
        this.#raw.pump();
      }
      this.#askLater();
    });
  }

  #fetch({ session }: RawSession, track: string): void {
    const range = { kind: 'standalone' as const, name: parsePath(track), start: START, end: END_OF_TIME };
    const request = session.fetch(range, { groupOrder: 'descending', fillTimeoutMs: 0 });
    this.#asked.set(request, { track, joined: false, last: null });
  }

  #join(raw: RawSession, track: string): void {
    const { session } = raw;
    const subscription = session.subscribe(parsePath(track), { filter: { kind: 'largest-object' } });
    const fetch = session.fetch({ kind: 'relative-joining', subscription, groupsBack: 0 }, {});
    this.#asked.set(subscription, { track, joined: false, last: null });
    this.#asked.set(fetch, { track, joined: true, last: null });
    const { runtime } = this.#context;
    runtime.at(runtime.bootMs() + JOIN_MS, () => {
      if (this.#raw !== raw || !this.#asked.delete(subscription)) return;
      session.cancel(subscription);
      raw.pump();
    });
  }

  #noticed(raw: RawSession, notice: Notice): void {
    if (!('request' in notice) || notice.request === null) return;
    const asked = this.#asked.get(notice.request);
    if (asked === undefined) return;
    if (notice.kind === 'object') this.#tell(asked, notice.object, false);
    else if (notice.kind === 'fetch-object') {
      if (asked.last !== null && asked.last.group !== notice.object.group) {
        // Only the newest group was wanted.
        this.#tell(asked, asked.last, true);
        this.#asked.delete(notice.request);
        raw.session.cancel(notice.request);
        return;
      }
      if (asked.last !== null) this.#tell(asked, asked.last, false);
      asked.last = notice.object;
    } else if (notice.kind === 'fetch-end') {
      if (asked.last !== null) this.#tell(asked, asked.last, true);
      this.#asked.delete(notice.request);
    } else if (notice.kind === 'request-error' || notice.kind === 'fetch-reset' || notice.kind === 'publish-done') {
      this.#asked.delete(notice.request);
    }
  }

  #tell({ track, joined }: Asked, { group, object, properties, status }: ReceivedObject, newest: boolean): void {
    if (status !== 'normal') return;
    const { node, observe } = this.#context;
    const { ttlMs, ageMs } = readObjectProperties(properties);
    if (ttlMs === null) return;
    const place = { group: Number(group), object: Number(object) };
    const what = { track, ...place, ttlMs, ageMs, newest, joined };
    observe({ kind: 'served', node: node.name, relay: this.#relay, ...what });
  }
}

interface Asked {
  readonly track: string;
  readonly joined: boolean;
  /** The object that came last. */
  last: ReceivedObject | null;
}
