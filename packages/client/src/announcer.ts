import type { RequestId, TrackNamespace } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import type { ClientEvent } from './client-events.js';
import { Backoff } from './core/backoff.js';
import type { Link } from './link.js';
import type { PublishedTrack } from './published-track.js';
import type { Publisher, PublisherListener } from './publisher.js';

/**
 * Announces over one link the namespaces of what the publisher writes: each exactly, so that a relay knows for every
 * track where it is written. And asks what the newest group of each track is: a writer that lost its disk and whose clock
 * went back would else write groups that everybody takes for old.
 */
export class Announcer implements PublisherListener {
  readonly #link: Link;
  readonly #runtime: Runtime;
  readonly #publisher: Publisher;
  readonly #onEvent: (event: ClientEvent) => void;
  readonly #announced = new Map<string, Announcement>();
  /** Tracks whose newest group was asked for. */
  readonly #asked = new Set<string>();
  readonly #listening: Disposable;

  constructor(link: Link, runtime: Runtime, publisher: Publisher, onEvent: (event: ClientEvent) => void) {
    this.#link = link;
    this.#runtime = runtime;
    this.#publisher = publisher;
    this.#onEvent = onEvent;
    this.#listening = publisher.listen(this);
    for (const track of publisher.tracks()) this.#take(track);
    link.pump();
  }

  committed(track: PublishedTrack, _object: unknown, newGroup: boolean): void {
    if (!newGroup || this.#asked.has(track.name.key)) return;
    this.#take(track);
    this.#link.pump();
  }

  retired({ name }: PublishedTrack): void {
    this.#asked.delete(name.key);
    const announcement = this.#announced.get(name.namespace.key);
    if (announcement === undefined) return;
    for (const other of this.#publisher.tracks()) if (other.name.namespace.key === name.namespace.key) return;
    this.#announced.delete(name.namespace.key);
    announcement.retry?.[Symbol.dispose]();
    if (announcement.request !== null) this.#link.cancel(announcement.request);
  }

  /** The link is gone, and all announcements with it. */
  close(): void {
    this.#listening[Symbol.dispose]();
    for (const { retry } of this.#announced.values()) retry?.[Symbol.dispose]();
    this.#announced.clear();
  }

  #take(track: PublishedTrack): void {
    this.#announce(track);
    this.#ask(track);
  }

  /** A track of which nothing is known has no newer group. */
  #ask({ name }: PublishedTrack): void {
    this.#asked.add(name.key);
    this.#link.handle(this.#link.session.trackStatus(name), (notice) => {
      const group = notice.kind === 'request-ok' ? notice.ok.largest?.group : undefined;
      if (typeof group === 'number') this.#publisher.observe(name, group);
    });
  }

  #announce(track: PublishedTrack): void {
    const { namespace } = track.name;
    if (this.#announced.has(namespace.key)) return;
    const announcement: Announcement = { namespace, backoff: new Backoff(), request: null, retry: null };
    this.#announced.set(namespace.key, announcement);
    this.#send(announcement);
  }

  #send(announcement: Announcement): void {
    const { namespace } = announcement;
    const request = this.#link.session.publishNamespace(namespace);
    announcement.request = request;
    this.#link.handle(request, (notice) => {
      if (notice.kind === 'request-ok') {
        announcement.backoff.reset();
        this.#onEvent({ kind: 'announced', namespace });
      }
      if (notice.kind !== 'request-error' || notice.update) return;
      announcement.request = null;
      this.#onEvent({ kind: 'announce-failed', namespace, reason: notice.error.reason });
      const pauseMs = announcement.backoff.nextMs(this.#runtime.random());
      announcement.retry = this.#runtime.at(
        this.#runtime.bootMs() + Math.max(pauseMs, notice.error.retryIntervalMs ?? 0),
        () => {
          announcement.retry = null;
          this.#send(announcement);
          this.#link.pump();
        },
      );
    });
  }
}

interface Announcement {
  readonly namespace: TrackNamespace;
  readonly backoff: Backoff;
  request: RequestId | null;
  retry: Disposable | null;
}
