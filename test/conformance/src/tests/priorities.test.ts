import { describe, expect, it } from 'vitest';
import {
  DEFAULT_PUBLISHER_PRIORITY,
  driveSession,
  MOQT_18,
  MoqtSession,
  type SessionTransport,
  type SessionTransportEvents,
} from '../../../../protocol/src/index.js';
import {
  clientPeer,
  FIRST_REQUEST,
  groupHead,
  joinBytes,
  nextObject,
  response,
  setupBytes,
  trackOf,
} from './support.js';

const NAME = trackOf(['a']);

describe('priorities', () => {
  it('N103: a control stream goes before requests, and those before Objects', () => {
    const opened: number[] = [];
    let events: SessionTransportEvents | null = null;
    const transport: SessionTransport = {
      listen: (listener) => {
        events = listener;
      },
      open: (bidirectional, priority) => {
        opened.push(priority);
        return opened.length * 4 + (bidirectional ? 0 : 2);
      },
      write: () => undefined,
      reset: () => undefined,
      stopSending: () => undefined,
      datagram: () => true,
      close: () => undefined,
    };
    const session = new MoqtSession({ role: 'client', profile: MOQT_18, setup: {} });
    const clock = { nowMs: () => 0, at: () => ({ [Symbol.dispose]: () => undefined }) };
    const driver = driveSession(transport, session, { ...clock, onNotice: () => undefined });
    events!.opened(3, false);
    events!.data(3, setupBytes(), false);
    const request = session.publish(NAME, 1);
    // The most urgent Objects: priority 0 of subscriber and publisher, which a caller maps to what comes after requests.
    session.openSubgroup(request, groupHead(1, 1), 256);
    driver.pump();
    const [control, requests, objects] = opened;
    expect(control).toBeLessThan(requests!);
    expect(requests).toBeLessThan(objects!);
  });

  it('N106: are 128 where neither stream nor track states one', () => {
    const peer = clientPeer((session) => session.subscribe(NAME, {}));
    peer.write(FIRST_REQUEST, response('subscribe', { kind: 'subscribe-ok', ok: { trackAlias: 1 } }));
    peer.open(false, joinBytes([groupHead(1, 1), nextObject('x')]), true);
    expect(peer.notices.find(({ kind }) => kind === 'object')).toMatchObject({ object: { priority: 128 } });
    expect(DEFAULT_PUBLISHER_PRIORITY).toBe(128);
  });
});
