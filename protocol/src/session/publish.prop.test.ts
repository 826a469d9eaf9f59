import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PublishDoneCode, RequestError, RequestErrorCode } from '../errors.js';
import type { TrackNamespace } from '../model/names.js';
import { groupHead, nextObject, textOf } from '../testing/data.js';
import type { SessionPair } from '../testing/session-pair.js';
import { establishedPair, track } from '../testing/sessions.js';
import type { DataStream, Notice, RequestId } from './contract.js';

const NAMES = ['a', 'b'].map(track);
const PREFIXES: readonly TrackNamespace[] = ['a', 'a/b', 'b', 'b/c'].map((path) => track(path).namespace);
const NAMESPACES: readonly TrackNamespace[] = ['a', 'a/b', 'a/b/c', 'b/c', 'b/d'].map((path) => track(path).namespace);
const REFUSED = { code: RequestErrorCode.UNINTERESTED, reason: '', retryIntervalMs: null };

const operation = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('publish', 'accept', 'open', 'write', 'close', 'answer', 'tell') },
    { weight: 2, arbitrary: fc.constantFrom('subscribe', 'namespaces', 'untell', 'move', 'datagram') },
    { weight: 1, arbitrary: fc.constantFrom('reject', 'cancel', 'abort', 'done', 'update', 'join', 'blocked') },
  ),
  which: fc.nat(30),
  deliver: fc.constantFrom(0, 0, 0, 1, 2, 10),
});

/** A PUBLISH of the client's as the test sees it. */
interface Publication {
  readonly request: RequestId;
  readonly alias: number;
  open: DataStream | null;
  readonly written: string[];
  readonly datagrams: string[];
  ended: boolean;
  givenUp: boolean;
}

/** The client publishes tracks; the server subscribes to them, and asks the client for namespaces and tracks. */
class Model {
  readonly publications: Publication[] = [];
  readonly namespaceRequests: RequestId[] = [];
  /** SUBSCRIBEs and FETCHes of the server's. */
  readonly others: RequestId[] = [];
  readonly #pair: SessionPair;
  /** PUBLISHes that the server has answered. */
  readonly #answered = new Set<RequestId>();
  /** Requests about namespaces that the client has accepted. */
  readonly #accepted = new Set<RequestId>();
  /** Notices of the client that have been dealt with. */
  #noticesTaken = 0;
  #serial = 0;

  constructor(pair: SessionPair) {
    this.#pair = pair;
  }

  step(kind: string, which: number): void {
    const { server } = this.#pair;
    if (kind === 'publish') this.#publish(which);
    else if (kind === 'subscribe') {
      this.others.push(server.session.subscribe(NAMES[which % NAMES.length]!, {}));
    } else if (kind === 'namespaces') this.#askNamespaces(which);
    else if (kind === 'answer') this.#answerNext(which);
    else if (['tell', 'untell', 'move', 'blocked'].includes(kind)) this.#onNamespaces(kind, which);
    else {
      const publication = this.publications[which % Math.max(1, this.publications.length)];
      if (publication !== undefined) this.#onPublication(kind, publication, which);
    }
  }

  #publish(which: number): void {
    const { session } = this.#pair.client;
    const alias = this.publications.length;
    try {
      const request = session.publish(NAMES[which % NAMES.length]!, alias, { forward: which % 3 !== 0 });
      this.publications.push({
        request,
        alias,
        open: null,
        written: [],
        datagrams: [],
        ended: false,
        givenUp: false,
      });
    } catch (error) {
      // The track has its subscription already, or was blocked: nothing has been sent.
      if (!(error instanceof RequestError)) throw error;
    }
  }

  #onPublication(kind: string, publication: Publication, which: number): void {
    const { client, server } = this.#pair;
    const { request } = publication;
    const offered = server.all('publish').some((notice) => notice.request === request);
    const answered = this.#answered.has(request);
    if (kind === 'cancel') {
      publication.givenUp = true;
      this.#end(publication, () => client.session.cancel(request));
    } else if (kind === 'done') this.#done(publication);
    else if (kind === 'abort' && offered) {
      publication.givenUp = true;
      server.session.abort(request, 0);
    } else if (kind === 'update' && answered) server.session.update(request, { subscriberPriority: which });
    else if (kind === 'join' && answered) {
      const range = { kind: 'relative-joining', subscription: request, groupsBack: 0 } as const;
      this.others.push(server.session.fetch(range, {}));
    } else if (!answered && offered && (kind === 'accept' || kind === 'reject')) {
      this.#answered.add(request);
      if (kind === 'accept') server.session.acceptPublish(request);
      else {
        publication.givenUp = true;
        server.session.reject(request, REFUSED);
      }
    } else if (!publication.ended) this.#send(kind, publication);
  }

  #send(kind: string, publication: Publication): void {
    const { session } = this.#pair.client;
    const { request, alias, open } = publication;
    if (kind === 'open' && open === null) {
      publication.open = session.openSubgroup(request, groupHead(alias, this.#serial++), 0);
    } else if (kind === 'write' && open !== null) {
      const payload = `${alias}:${this.#serial++}`;
      session.writeData(open, nextObject(payload), false);
      publication.written.push(payload);
    } else if (kind === 'close') this.#close(publication);
    else if (kind === 'datagram') {
      const payload = new TextEncoder().encode(`${alias}:${this.#serial}`);
      const group = this.#serial++;
      const rest = { priority: null, endOfGroup: false, status: 'normal', properties: new Uint8Array(0) } as const;
      session.sendDatagram(request, { group, object: 0, payload, ...rest });
      publication.datagrams.push(textOf(payload));
    }
  }

  #close(publication: Publication): void {
    if (publication.open !== null) this.#pair.client.session.writeData(publication.open, new Uint8Array(0), true);
    publication.open = null;
  }

  #done(publication: Publication): void {
    const { session } = this.#pair.client;
    this.#close(publication);
    const streamCount = session.streamsOpened(publication.request);
    const done = { code: PublishDoneCode.TRACK_ENDED, streamCount, reason: '' };
    this.#end(publication, () => session.publishDone(publication.request, done));
  }

  #end(publication: Publication, end: () => void): void {
    publication.open = null;
    publication.ended = true;
    end();
  }

  #askNamespaces(which: number): void {
    const { session } = this.#pair.server;
    const prefix = PREFIXES[which % PREFIXES.length]!;
    const ask = (which >> 2) % 2 === 0 ? session.subscribeNamespace : session.subscribeTracks;
    this.namespaceRequests.push(ask.call(session, prefix));
  }

  #onNamespaces(kind: string, which: number): void {
    const { client, server } = this.#pair;
    const request = this.namespaceRequests[which % Math.max(1, this.namespaceRequests.length)];
    if (request === undefined) return;
    if (kind === 'move') {
      server.session.update(request, { namespacePrefix: PREFIXES[(which >> 2) % PREFIXES.length]! });
      return;
    }
    const about = client.notices.find((notice) => 'request' in notice && notice.request === request);
    const namespace = NAMESPACES[which % NAMESPACES.length]!;
    if (!this.#accepted.has(request) || about === undefined) return;
    try {
      if (kind === 'blocked' && about.kind === 'subscribe-tracks') {
        client.session.publishBlocked(request, NAMES[which % NAMES.length]!);
      } else if (kind === 'tell' && about.kind === 'subscribe-namespace') {
        client.session.namespacePublished(request, namespace);
      } else if (about.kind === 'subscribe-namespace') client.session.namespaceDone(request, namespace);
    } catch (error) {
      // It lies outside of the prefix that holds by now.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  /** Answers what the client has noticed next: a namespace request, an update or a FETCH. */
  #answerNext(which: number): void {
    const { session, notices } = this.#pair.client;
    const notice = notices[this.#noticesTaken];
    if (notice === undefined) return;
    this.#noticesTaken++;
    if (notice.kind === 'subscribe-namespace' || notice.kind === 'subscribe-tracks') {
      if (which % 4 === 0) session.reject(notice.request, REFUSED);
      else {
        session.acceptRequest(notice.request);
        this.#accepted.add(notice.request);
      }
    } else if (notice.kind === 'update') this.#answerUpdate(notice.request, which);
    else if (notice.kind === 'fetch' || notice.kind === 'subscribe') session.reject(notice.request, REFUSED);
  }

  #answerUpdate(request: RequestId, which: number): void {
    const { session } = this.#pair.client;
    const publication = this.publications.find((candidate) => candidate.request === request);
    if (which % 5 !== 0) session.acceptUpdate(request);
    else {
      session.rejectUpdate(request, REFUSED);
      if (publication !== undefined) this.#done(publication);
    }
  }
}

/** The last notices of a request: nothing comes after one of them. */
function isEnd(notice: Notice): boolean {
  if (notice.kind === 'request-error') return !notice.update;
  return notice.kind === 'publish-done' || notice.kind === 'cancelled';
}

function checkEnds(notices: readonly Notice[]): void {
  const over = new Set<RequestId>();
  for (const notice of notices) {
    if (!('request' in notice) || notice.request === null) continue;
    expect([notice, over.has(notice.request)]).toEqual([notice, false]);
    if (isEnd(notice)) over.add(notice.request);
  }
}

/** Every namespace is there once at a time, and gone once. */
function checkNamespaces(notices: readonly Notice[]): void {
  const active = new Set<string>();
  for (const notice of notices) {
    if (notice.kind !== 'namespace' && notice.kind !== 'namespace-done') continue;
    const key = `${notice.request} ${notice.namespace.key}`;
    expect(active.has(key)).toBe(notice.kind === 'namespace-done');
    if (notice.kind === 'namespace') active.add(key);
    else active.delete(key);
  }
}

function checkData({ server, client }: SessionPair, publication: Publication): void {
  const { request, written, datagrams } = publication;
  const texts = (kind: 'object' | 'datagram') =>
    server
      .all(kind)
      .filter((notice) => notice.request === request)
      .map(({ object }) => textOf(object.payload));
  const received = texts('object');
  expect(written).toEqual(expect.arrayContaining(received));
  expect(new Set(received).size).toBe(received.length);
  expect(datagrams).toEqual(expect.arrayContaining(texts('datagram')));
  // What nobody gave up has arrived whole.
  const refused = client.notices.some((notice) => isEnd(notice) && 'request' in notice && notice.request === request);
  const cancelled = server.all('cancelled').some((notice) => notice.request === request);
  // A PUBLISH that one for the same track overtook may have been refused unseen.
  const offered = server.all('publish').some((notice) => notice.request === request);
  if (offered && !refused && !cancelled && !publication.givenUp) expect(received.length).toBe(written.length);
}

describe('session', () => {
  it('keeps to the model of PUBLISH and of namespaces under any order of operations and of streams', () => {
    const scenario = fc.tuple(
      fc.array(operation, { minLength: 30, maxLength: 90 }),
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
        for (const publication of model.publications) checkData(pair, publication);
        endAll(pair, model);
        for (const { notices, session } of [pair.client, pair.server]) {
          expect(notices.filter(({ kind }) => kind === 'closed')).toEqual([]);
          checkEnds(notices);
          checkNamespaces(notices);
          expect(Object.entries(session.usage).filter(([, held]) => held !== 0)).toEqual([]);
        }
      }),
      { numRuns: 200, seed: 18 },
    );
  });
});

/** Ends what is left, from both sides in turn, and lets every time-out pass. */
function endAll(pair: SessionPair, { publications, namespaceRequests, others }: Model): void {
  const { client, server } = pair;
  publications.forEach(({ request }, i) => {
    if (i % 2 === 0) client.session.cancel(request);
    else server.session.abort(request, 0);
  });
  for (const request of [...namespaceRequests, ...others]) server.session.cancel(request);
  pair.run();
  for (const { request } of publications) client.session.cancel(request);
  pair.run();
  pair.advance(120_000);
}
