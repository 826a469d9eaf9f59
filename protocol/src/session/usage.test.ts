import { describe, expect, it } from 'vitest';
import { RequestErrorCode } from '../errors.js';
import { fetchedGroups, groupHead, nextObject } from '../testing/data.js';
import { RawPeer } from '../testing/raw-peer.js';
import type { SessionPair } from '../testing/session-pair.js';
import { establishedPair, track } from '../testing/sessions.js';
import type { RequestId } from './contract.js';

const OBJECT = nextObject('payload');

/** One round of everything that a session does, each request ended in another way. */
function round(pair: SessionPair, serial: number): void {
  const client = pair.client.session;
  const server = pair.server.session;
  const name = track(`t/${serial % 7}`);
  const subscription = client.subscribe(name, {});
  const joining = client.fetch({ kind: 'relative-joining', subscription, groupsBack: 0 }, {});
  const refused = client.fetch({ kind: 'absolute-joining', subscription, startGroup: 3 }, {});
  const announcement = client.publishNamespace(name.namespace);
  const status = client.trackStatus(name);
  const abandoned = client.subscribe(track('abandoned'), {});
  client.cancel(abandoned);
  const namespaces = client.subscribeNamespace(name.namespace);
  const tracks = client.subscribeTracks(name.namespace);
  pair.run();
  aboutNamespaces(pair, serial, namespaces, tracks);
  server.acceptSubscribe(subscription, { trackAlias: server.trackAlias(serial % 7) });
  server.acceptFetch(joining, { endOfTrack: false, end: { group: 5, object: 1 } });
  server.writeData(server.openFetch(joining, 0), fetchedGroups([3, 5]), true);
  server.reject(refused, { code: RequestErrorCode.INVALID_RANGE, reason: '', retryIntervalMs: null });
  server.acceptRequest(announcement);
  server.acceptRequest(status);
  const { trackAlias } = aliasOf(pair, subscription);
  server.writeData(server.openSubgroup(subscription, groupHead(trackAlias, 6), 0), OBJECT, true);
  server.openSubgroup(subscription, groupHead(trackAlias, 7), 0);
  client.update(subscription, { subscriberPriority: serial % 256 });
  pair.run();
  server.acceptUpdate(subscription);
  if (serial % 2 === 0) server.publishDone(subscription, { code: 2, streamCount: 2, reason: '' });
  else client.cancel(subscription);
  client.cancel(announcement);
  pair.run();
}

// A SUBSCRIBE_NAMESPACE, a SUBSCRIBE_TRACKS, and a PUBLISH that follows from it.
function aboutNamespaces(pair: SessionPair, serial: number, namespaces: RequestId, tracks: RequestId): void {
  const client = pair.client.session;
  const server = pair.server.session;
  const name = track(`t/${serial % 7}`);
  server.acceptRequest(namespaces);
  server.namespacePublished(namespaces, name.namespace);
  client.update(namespaces, { namespacePrefix: track('t').namespace });
  server.acceptRequest(tracks);
  server.publishBlocked(tracks, name);
  const trackAlias = Number(server.trackAlias(9));
  const published = server.publish(track('t/published'), trackAlias);
  const early = server.openSubgroup(published, groupHead(trackAlias, 1), 0);
  pair.run();
  server.acceptUpdate(namespaces);
  if (serial % 3 === 0) client.reject(published, { code: 0x20, reason: '', retryIntervalMs: null });
  else client.acceptPublish(published);
  pair.run();
  server.writeData(early, OBJECT, true);
  server.publishDone(published, { code: 2, streamCount: 1, reason: '' });
  if (serial % 2 === 0) client.cancel(namespaces);
  else server.abort(namespaces, 1);
  client.cancel(tracks);
  pair.run();
}

function aliasOf(pair: SessionPair, request: number): { trackAlias: number } {
  pair.run();
  const notice = pair.client.all('subscribe-ok').find((candidate) => candidate.request === request);
  return { trackAlias: Number(notice!.ok.trackAlias) };
}

describe('memory of a session', () => {
  it('is empty again after a thousand requests of every kind', () => {
    const pair = establishedPair();
    for (let serial = 0; serial < 170; serial++) {
      round(pair, serial);
      pair.client.notices.length = 0;
      pair.server.notices.length = 0;
      pair.client.actions.length = 0;
      pair.server.actions.length = 0;
    }
    pair.advance(120_000);
    for (const { session } of [pair.client, pair.server]) {
      expect(Object.values(session.usage)).toEqual(Array(9).fill(0));
      expect(session.nextTimeoutMs()).toBe(null);
      expect(session.established).toBe(true);
    }
  });

  it('is empty after a close, whatever was held back', () => {
    const peer = new RawPeer({}, false);
    peer.open(false, groupHead(1, 1));
    expect(peer.session.usage.heldBytes).toBeGreaterThan(0);
    peer.session.close(0, '');
    peer.collect();
    expect(Object.values(peer.session.usage)).toEqual(Array(Object.keys(peer.session.usage).length).fill(0));
  });
});
