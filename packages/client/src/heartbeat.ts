import type { FullTrackName } from '@higgins/protocol';
import type { Runtime } from '@higgins/runtime';
import { NameError, publisherHeartbeat } from '@higgins/signals';
import { type ClientEvent, reasonOf } from './client-events.js';
import { PublishError } from './errors.js';
import { HEARTBEAT_TTL_MS_MIN } from './limits.js';
import type { PublishedTrack } from './published-track.js';
import type { Publisher, PublisherListener } from './publisher.js';

export interface HeartbeatOptions {
  readonly runtime: Runtime;
  readonly publisher: Publisher;
  onEvent(event: ClientEvent): void;
}

/**
 * Says on `platform/publisher/{id}` that a publisher lives, from the first of its values on whose own renewals are too
 * rare to tell that. It is a state like any other: renewed by the publisher, and told anew when the number of tracks has
 * changed since the last renewal.
 */
export class Heartbeat implements PublisherListener, Disposable {
  readonly #options: HeartbeatOptions;
  readonly #instance: string;
  readonly #startedWallMs: number;
  readonly #name: FullTrackName | null;
  readonly #listening: Disposable;
  #timer: Disposable | null = null;
  #tracks: number | null = null;

  constructor(options: HeartbeatOptions) {
    const { runtime, publisher } = options;
    this.#options = options;
    this.#instance = instanceOf(runtime);
    this.#startedWallMs = Math.max(0, Math.round(runtime.wallMs()));
    this.#name = heartbeatName(publisher.writerId);
    this.#listening = publisher.listen(this);
    // What an earlier life published is up again already.
    for (const track of [...publisher.tracks()]) this.committed(track);
  }

  committed(track: PublishedTrack): void {
    if (track.name.key === this.#name?.key) this.#refresh();
    else if (this.#tracks === null && isSlow(track)) this.#tell();
  }

  retired(): void {}

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
  }

  // Called with each renewal, so that many new tracks cost one more object and not one each.
  #refresh(): void {
    if (this.#tracks !== null && this.#tracks !== this.#count()) this.#tell();
  }

  #tell(): void {
    if (this.#name === null) return;
    const { publisher, onEvent } = this.#options;
    const tracks = this.#count();
    this.#tracks = tracks;
    const value = { instance: this.#instance, startedWallMs: this.#startedWallMs, tracks };
    publisher.publish(publisherHeartbeat, { id: publisher.writerId }, value).catch((error: unknown) => {
      if (isFinal(error)) return;
      onEvent({ kind: 'heartbeat-failed', reason: reasonOf(error) });
      this.#again();
    });
  }

  #again(): void {
    const { runtime } = this.#options;
    this.#timer?.[Symbol.dispose]();
    this.#timer = runtime.at(runtime.bootMs() + publisherHeartbeat.renewalMs, () => this.#tell());
  }

  #count(): number {
    let count = 0;
    for (const track of this.#options.publisher.tracks()) if (track.name.key !== this.#name?.key) count += 1;
    return count;
  }
}

/** The track of a writer's heartbeats; null if its id makes no name. */
export function heartbeatName(writerId: string): FullTrackName | null {
  try {
    return publisherHeartbeat.name({ id: writerId });
  } catch (error) {
    if (error instanceof NameError) return null;
    throw error;
  }
}

/** Events are not renewed at all; other values tell of their writer by their renewals, if these come often enough. */
function isSlow({ shape, ttlMs }: PublishedTrack): boolean {
  return shape === 'event' || ttlMs >= HEARTBEAT_TTL_MS_MIN;
}

/** The publisher is closed, or heartbeats are outside of its scope. */
function isFinal(error: unknown): boolean {
  return error instanceof PublishError && (error.code === 'closed' || error.code === 'out-of-scope');
}

function instanceOf(runtime: Runtime): string {
  const digits = () =>
    Math.floor(runtime.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return digits() + digits();
}
