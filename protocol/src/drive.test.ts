import { describe, expect, it } from 'vitest';
import { driveSession, type SessionDriver } from './drive.js';
import { MOQT_18 } from './profiles/moqt-18.js';
import type { Notice } from './session/contract.js';
import { createSession } from './session/session.js';
import { fetchedGroups, groupHead, nextObject } from './testing/data.js';
import { track } from './testing/sessions.js';
import { type TransportEnd, TransportPair, type TransportPairOptions } from './testing/transport-pair.js';

const NAME = track('platform/health/pop/fra1');

/** A clock that the test turns, and how many timers are set. */
class Clock {
  nowMs = 100;
  readonly timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();
  timersSet = 0;

  at(dueMs: number, run: () => void): Disposable {
    const timer = { dueMs, run };
    this.timers.add(timer);
    this.timersSet++;
    return { [Symbol.dispose]: () => this.timers.delete(timer) };
  }

  advance(ms: number): void {
    this.nowMs += ms;
    for (const timer of [...this.timers]) {
      if (timer.dueMs > this.nowMs || !this.timers.delete(timer)) continue;
      timer.run();
    }
  }
}

class Side {
  readonly notices: Notice[] = [];
  readonly driver: SessionDriver;
  drained = 0;
  react: (notice: Notice) => void = () => {};

  constructor(role: 'client' | 'server', transport: TransportEnd, clock: Clock) {
    this.driver = driveSession(transport, createSession({ role, profile: MOQT_18, setup: {} }), {
      nowMs: () => clock.nowMs,
      at: (dueMs, run) => clock.at(dueMs, run),
      onNotice: (notice) => {
        this.notices.push(notice);
        this.react(notice);
      },
      onDrained: () => {
        this.drained++;
      },
    });
  }

  kinds(): string[] {
    return this.notices.map(({ kind }) => kind);
  }
}

function driven(options: TransportPairOptions = {}) {
  const clock = new Clock();
  const transports = new TransportPair(options);
  const client = new Side('client', transports.a, clock);
  const server = new Side('server', transports.b, clock);
  return { clock, transports, client, server };
}

describe('drive', () => {
  it('carries a subscription whose answers are given from within the notices', () => {
    const { transports, client, server } = driven();
    server.react = (notice) => {
      const { session } = server.driver;
      if (notice.kind !== 'subscribe') return;
      session.acceptSubscribe(notice.request, { trackAlias: 1 });
      const stream = session.openSubgroup(notice.request, groupHead(1, 1), 9);
      server.driver.pump();
      session.writeData(stream, nextObject('a'), true);
      session.publishDone(notice.request, { code: 2, streamCount: 1, reason: '' });
    };
    client.react = (notice) => {
      if (notice.kind === 'setup') client.driver.session.subscribe(NAME, {});
    };
    transports.run();
    expect(client.kinds()).toEqual(['setup', 'subscribe-ok', 'subgroup', 'object', 'subgroup-end', 'publish-done']);
    expect(transports.b.calls).toContain('open 3 unidirectional 9');
  });

  it('opens streams in order as credit comes, and forgets those that were given up meanwhile', () => {
    const { transports, client, server } = driven({ bidirectionalStreams: 1 });
    const session = client.driver.session;
    const names = ['a', 'b', 'c', 'd'].map(track);
    const requests = names.map((name) => session.subscribe(name, {}));
    client.driver.pump();
    expect(client.driver.waitingBytes).toBeGreaterThan(0);
    expect(client.driver.waitingRequests).toBe(3);
    session.cancel(requests[1]!);
    client.driver.pump();
    expect(client.driver.waitingRequests).toBe(2);
    transports.run();
    expect(server.kinds()).toEqual(['setup', 'subscribe']);
    transports.a.grant(true, 1);
    transports.run();
    transports.a.grant(true, 1);
    transports.run();
    const asked = server.notices.filter((notice) => notice.kind === 'subscribe').map(({ request }) => request);
    expect(asked).toEqual([requests[0], requests[2], requests[3]]);
    expect(client.driver.waitingBytes).toBe(0);
    expect(transports.a.calls.filter((call) => call.startsWith('reset'))).toEqual([]);
  });

  it('opens streams that matter more first when credit comes', () => {
    const { transports, client, server } = driven({ unidirectionalStreams: 1 });
    const request = client.driver.session.subscribe(NAME, {});
    client.driver.pump();
    transports.run();
    const { session } = server.driver;
    session.acceptSubscribe(request, { trackAlias: 1 });
    const streams = [9, 3, 9, 0, 3].map((priority, group) =>
      session.openSubgroup(request, groupHead(1, group), priority),
    );
    server.driver.pump();
    session.resetData(streams[4]!, 1);
    server.driver.pump();
    for (let i = 0; i < 2; i++) {
      transports.b.grant(false, 2);
      transports.run();
    }
    const groups = client.notices.filter((notice) => notice.kind === 'subgroup').map(({ header }) => header.group);
    expect(groups).toEqual([3, 1, 0, 2]);
    expect(server.driver.waitingBytes).toBe(0);
  });

  it('N101: a data stream that is given another priority waits and goes by that one', () => {
    const { transports, client, server } = driven({ unidirectionalStreams: 1 });
    const request = client.driver.session.subscribe(NAME, {});
    client.driver.pump();
    transports.run();
    const { session } = server.driver;
    session.acceptSubscribe(request, { trackAlias: 1 });
    const streams = [5, 6, 7].map((priority, group) => session.openSubgroup(request, groupHead(1, group), priority));
    session.prioritizeData(streams[2]!, 4);
    server.driver.pump();
    transports.b.grant(false, 2);
    transports.run();
    session.prioritizeData(streams[0]!, 9);
    server.driver.pump();
    session.writeData(streams[2]!, nextObject('x'), true);
    session.prioritizeData(streams[2]!, 1);
    server.driver.pump();
    const groups = client.notices.filter((notice) => notice.kind === 'subgroup').map(({ header }) => header.group);
    expect(groups).toEqual([2, 0]);
    const opened = transports.b.calls.filter((call) => call.startsWith('open') && call.includes('unidirectional'));
    const [first] = opened.at(-1)!.match(/\d+/)!;
    expect(transports.b.calls.filter((call) => call.startsWith('priority'))).toEqual([`priority ${first} 9`]);
  });

  it('keeps a stream that waits for credit whole, FIN included', () => {
    const { transports, client, server } = driven({ unidirectionalStreams: 1 });
    transports.run();
    const range = {
      kind: 'standalone',
      name: NAME,
      start: { group: 0, object: 0 },
      end: { group: 9, object: 0 },
    } as const;
    const request = client.driver.session.fetch(range, {});
    client.driver.pump();
    transports.run();
    const { session } = server.driver;
    session.acceptFetch(request, { endOfTrack: false, end: { group: 2, object: 1 } });
    session.writeData(session.openFetch(request, 0), fetchedGroups([1, 2]), true);
    server.driver.pump();
    transports.run();
    expect(client.kinds()).toEqual(['setup', 'fetch-ok']);
    transports.b.grant(false, 1);
    transports.run();
    expect(client.kinds()).toEqual(['setup', 'fetch-ok', 'fetch-object', 'fetch-object', 'fetch-end']);
  });

  it('translates events on streams of its own and resets what the peer refuses', () => {
    const { transports, client, server } = driven();
    const request = client.driver.session.subscribe(NAME, {});
    client.driver.pump();
    transports.run();
    server.driver.session.acceptSubscribe(request, { trackAlias: 1 });
    server.driver.session.openSubgroup(request, groupHead(1, 1), 0);
    server.driver.pump();
    transports.run();
    client.driver.session.cancel(request);
    client.driver.pump();
    transports.run();
    expect(transports.a.calls.slice(-3)).toEqual(['reset 2 1', 'stop-sending 2 1', 'stop-sending 3 1']);
    expect(transports.b.calls.slice(-3)).toEqual(['reset 2 1', 'stop-sending 2 1', 'reset 3 1']);
    expect(server.kinds()).toEqual(['setup', 'subscribe', 'cancelled']);
  });

  it('keeps one timer for the next deadline and none when there is nothing to wait for', () => {
    const { clock, transports, client, server } = driven();
    expect(clock.timers.size).toBe(2);
    transports.run();
    expect(clock.timers.size).toBe(0);
    const { timersSet } = clock;
    server.driver.session.goaway('', 300);
    server.driver.pump();
    clock.advance(0);
    transports.run();
    clock.advance(299);
    transports.run();
    expect(client.kinds()).toEqual(['setup', 'goaway']);
    expect([clock.timers.size, clock.timersSet - timersSet]).toEqual([1, 2]);
    clock.advance(1);
    transports.run();
    expect(client.notices.at(-1)).toMatchObject({ kind: 'closed', code: 0, remote: true });
    expect(server.notices.at(-1)).toMatchObject({ kind: 'closed', code: 0, remote: false });
    expect(clock.timers.size).toBe(0);
  });

  it('closes the connection when the session ends, and does nothing to it afterwards', () => {
    const { transports, client, server } = driven();
    transports.run();
    client.driver.session.close(0x1, 'broken');
    client.driver.session.subscribe(NAME, {});
    client.driver.pump();
    transports.run();
    expect(transports.a.calls.at(-1)).toBe('close 1');
    expect(client.notices.filter(({ kind }) => kind === 'closed')).toHaveLength(1);
    expect(server.notices.at(-1)).toEqual({ kind: 'closed', code: 1, reason: 'broken', remote: true });
    expect(transports.b.calls.filter((call) => call.startsWith('close'))).toEqual([]);
  });

  it('passes on that the backlog has drained', () => {
    const { transports, client } = driven();
    transports.a.events?.drained();
    expect(client.drained).toBe(1);
  });
});
