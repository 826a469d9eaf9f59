import type { FullTrackName, Notice, RequestId } from '@higgins/protocol';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { keepRawSession, type RawSession } from './raw-session.js';

export interface ForeignSubscriberOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  /** URL of the one relay that it knows. */
  readonly relay: string;
  readonly tracks: readonly { readonly name: FullTrackName; readonly track: string }[];
  /** An object came, on a subscription or by a fetch. */
  onObject?(track: string, group: number, object: number, payload: Uint8Array): void;
}

/** How long it waits before it asks again for a track that was refused, or that ended. */
const RESUBSCRIBE_MS = 2000;

/** A plain MOQT subscriber, which joins each track with SUBSCRIBE (Largest Object) and a joining FETCH of one group. */
export function foreignSubscriberProgram(options: ForeignSubscriberOptions): Program {
  return (context) => {
    const { relay: url, identity, authoritiesPem } = options;
    let subscriber: Subscriber | null = null;
    keepRawSession(context, {
      ...{ url, identity, authoritiesPem },
      up(raw) {
        subscriber = new Subscriber(raw, context, options);
        subscriber.joinAll();
      },
      down() {
        subscriber?.end();
        subscriber = null;
      },
      noticed: (_raw, notice) => subscriber?.take(notice),
    });
  };
}

class Subscriber {
  readonly #raw: RawSession;
  readonly #context: ProcessContext;
  readonly #options: ForeignSubscriberOptions;
  readonly #tracks = new Map<RequestId, string>();
  readonly #subscriptions = new Set<RequestId>();
  #ended = false;

  constructor(raw: RawSession, context: ProcessContext, options: ForeignSubscriberOptions) {
    this.#raw = raw;
    this.#context = context;
    this.#options = options;
  }

  /** Its session is over. */
  end(): void {
    this.#ended = true;
  }

  joinAll(): void {
    for (const { track } of this.#options.tracks) this.#join(track);
  }

  take(notice: Notice): void {
    switch (notice.kind) {
      case 'object':
      case 'fetch-object': {
        const { group, object, payload, status } = notice.object;
        const track = this.#tracks.get(notice.request);
        if (track === undefined || status !== 'normal') return;
        this.#context.observe({
          ...{ kind: 'carried', node: this.#context.node.name, track },
          ...{ group: Number(group), object: Number(object), payload },
        });
        this.#options.onObject?.(track, Number(group), Number(object), payload);
        return;
      }
      case 'publish':
        this.#raw.session.acceptPublish(notice.request);
        return;
      case 'request-error':
      case 'publish-done':
        this.#again(notice.request);
    }
  }

  #join(track: string): void {
    const { session } = this.#raw;
    const { name } = this.#options.tracks.find((known) => known.track === track)!;
    const subscription = session.subscribe(name, { filter: { kind: 'largest-object' } });
    const fetch = session.fetch({ kind: 'relative-joining', subscription, groupsBack: 0 }, {});
    this.#subscriptions.add(subscription);
    this.#tracks.set(subscription, track);
    this.#tracks.set(fetch, track);
    this.#raw.pump();
  }

  #again(request: RequestId): void {
    const track = this.#tracks.get(request);
    if (track === undefined || !this.#subscriptions.delete(request)) return;
    const { runtime } = this.#context;
    runtime.at(runtime.bootMs() + RESUBSCRIBE_MS, () => {
      if (!this.#ended) this.#join(track);
    });
  }
}
