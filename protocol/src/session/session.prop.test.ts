import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PublishDoneCode } from '../errors.js';
import { groupHead, nextObject, textOf } from '../testing/data.js';
import type { SessionEnd, SessionPair } from '../testing/session-pair.js';
import { establishedPair, track } from '../testing/sessions.js';
import type { DataStream, RequestId } from './contract.js';

const NAMES = ['a', 'b', 'c'].map(track);

/** What one subscription has gone through, as the test sees it. */
interface Subscription {
  readonly request: RequestId;
  readonly alias: number;
  accepted: boolean;
  cancelled: boolean;
  done: boolean;
  open: DataStream | null;
  written: string[];
}

const operation = fc.record({
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('subscribe', 'accept', 'open', 'write', 'close') },
    { weight: 1, arbitrary: fc.constantFrom('reject', 'cancel', 'done', 'update', 'abort') },
  ),
  which: fc.nat(2),
  deliver: fc.constantFrom(0, 0, 0, 1, 2, 10),
});

/** Carries out one operation if it makes sense at this point; `answer` brings what the server has noticed up to date. */
class Model {
  readonly subscriptions: Subscription[] = [];
  readonly #pair: SessionPair;
  #serial = 0;

  constructor(pair: SessionPair) {
    this.#pair = pair;
  }

  step(kind: string, which: number): void {
    const { client, server } = this.#pair;
    if (kind === 'subscribe') {
      const request = client.session.subscribe(NAMES[which % NAMES.length]!, {});
      const alias = this.subscriptions.length;
      this.subscriptions.push({
        request,
        alias,
        accepted: false,
        cancelled: false,
        done: false,
        open: null,
        written: [],
      });
      return;
    }
    const subscription = this.subscriptions[which % Math.max(1, this.subscriptions.length)];
    if (subscription === undefined) return;
    if (kind === 'cancel') {
      client.session.cancel(subscription.request);
      subscription.cancelled = true;
    } else if (kind === 'update') client.session.update(subscription.request, { subscriberPriority: which });
    else if (this.served(subscription)) this.serve(kind, subscription, server);
  }

  /** Whether the server knows the request and neither side has ended it there. */
  served({ request, done }: Subscription): boolean {
    const { server } = this.#pair;
    const asked = server.all('subscribe').some((notice) => notice.request === request);
    return asked && !done && !server.all('cancelled').some((notice) => notice.request === request);
  }

  serve(kind: string, subscription: Subscription, { session }: SessionEnd): void {
    const { request, alias, open } = subscription;
    if (kind === 'accept' && !subscription.accepted) {
      session.acceptSubscribe(request, { trackAlias: alias });
      subscription.accepted = true;
    } else if (kind === 'reject' && !subscription.accepted) {
      session.reject(request, { code: 1, reason: '', retryIntervalMs: null });
      subscription.done = true;
    } else if (kind === 'abort') {
      session.abort(request, 0);
      subscription.done = true;
    } else if (subscription.accepted && kind === 'open' && open === null) {
      subscription.open = session.openSubgroup(request, groupHead(alias, this.#serial++), 0);
    } else if (open !== null && kind === 'write') {
      const payload = `${alias}:${this.#serial++}`;
      session.writeData(open, nextObject(payload), false);
      subscription.written.push(payload);
    } else if (open !== null && kind === 'close') this.closeStream(subscription, session);
    else if (kind === 'done' && subscription.accepted) {
      this.closeStream(subscription, session);
      const streamCount = session.streamsOpened(request);
      session.publishDone(request, { code: PublishDoneCode.TRACK_ENDED, streamCount, reason: '' });
      subscription.done = true;
    }
  }

  closeStream(subscription: Subscription, session: SessionEnd['session']): void {
    if (subscription.open !== null) session.writeData(subscription.open, new Uint8Array(0), true);
    subscription.open = null;
  }
}

describe('session', () => {
  it('keeps to the model of subscriptions under any order of operations and of streams', () => {
    const scenario = fc.tuple(
      fc.array(operation, { minLength: 30, maxLength: 80 }),
      fc.infiniteStream(fc.nat()),
      fc.constantFrom(1, 3, 1000),
    );
    fc.assert(
      fc.property(scenario, ([operations, picks, pieceBytes]) => {
        const pair = establishedPair({ pick: (count) => picks.next().value % count, pieceBytes });
        const model = new Model(pair);
        for (const { kind, which, deliver } of operations) {
          model.step(kind, which);
          for (let i = 0; i < deliver; i++) pair.step();
        }
        pair.run();
        for (const subscription of model.subscriptions) check(pair, subscription);
        endAll(pair, model);
        const { usage } = pair.client.session;
        expect([usage, pair.server.session.usage]).toEqual([EMPTY, EMPTY]);
      }),
      { numRuns: 200, seed: 18 },
    );
  });
});

const EMPTY = {
  streams: 0,
  requests: 0,
  subscriptions: 0,
  prefixes: 0,
  fetches: 0,
  waitingStreams: 0,
  heldBytes: 0,
  deadlines: 0,
  actions: 0,
};

function check({ client, server }: SessionPair, subscription: Subscription): void {
  const { request } = subscription;
  const ends = client.notices.filter(
    (notice) =>
      (notice.kind === 'publish-done' && notice.request === request) ||
      (notice.kind === 'request-error' && notice.request === request && !notice.update),
  );
  const last = client.notices.filter((notice) => 'request' in notice && notice.request === request).at(-1);
  // The end comes at most once, and nothing comes after it.
  expect(ends.length).toBeLessThanOrEqual(1);
  if (ends.length === 1) expect(last).toBe(ends[0]);
  expect(server.all('cancelled').filter((notice) => notice.request === request).length).toBeLessThanOrEqual(1);
  const received = client.all('object').filter((notice) => notice.request === request);
  const payloads = received.map(({ object }) => textOf(object.payload));
  expect(subscription.written).toEqual(expect.arrayContaining(payloads));
  expect(new Set(payloads).size).toBe(payloads.length);
  // What neither side gave up has arrived whole.
  const refused = ends.some((notice) => notice.kind === 'request-error');
  if (!subscription.cancelled && !refused) expect(payloads.length).toBe(subscription.written.length);
}

/** Ends what is left, from both sides in turn, and lets every time-out pass. */
function endAll(pair: SessionPair, model: Model): void {
  model.subscriptions.forEach((subscription, i) => {
    if (i % 2 === 0) pair.client.session.cancel(subscription.request);
    else pair.server.session.abort(subscription.request, 0);
  });
  pair.run();
  for (const { request } of model.subscriptions) pair.client.session.cancel(request);
  pair.run();
  pair.advance(120_000);
}
