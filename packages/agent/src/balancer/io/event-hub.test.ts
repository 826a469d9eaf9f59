import { createLogger } from '@higgins/service';
import { describe, expect, it } from 'vitest';
import type { BalancerEvent } from '../core/events.js';
import type { EventNotice } from '../core/status.js';
import { EventHub } from './event-hub.js';
import { READER_EVENTS_MAX } from './limits.js';

const RECOVERED: BalancerEvent = { kind: 'kernel-recovered', atWallMs: 1, severity: 'info' };

describe('EventHub', () => {
  it('gives every reader every event from its beginning on, and ends with its signal', async () => {
    const hub = newHub();
    hub.tell(RECOVERED);
    const first = reader(hub);
    hub.tell({ ...RECOVERED, atWallMs: 2 });
    const second = reader(hub);
    hub.tell({ ...RECOVERED, atWallMs: 3 });
    await first.take(2);
    await second.take(1);
    first.end();
    second.end();
    expect([await first.seen, await second.seen]).toEqual([
      [
        { ...RECOVERED, atWallMs: 2 },
        { ...RECOVERED, atWallMs: 3 },
      ],
      [{ ...RECOVERED, atWallMs: 3 }],
    ]);
  });

  it('bounds what waits for a reader that does not read: the oldest are lost, and their number is told', async () => {
    const hub = newHub();
    const ended = new AbortController();
    const notices = hub.read(ended.signal)[Symbol.asyncIterator]();
    for (let atWallMs = 1; atWallMs <= READER_EVENTS_MAX + 5; atWallMs++) hub.tell({ ...RECOVERED, atWallMs });
    expect((await notices.next()).value).toEqual({ kind: 'lost', events: 5 });
    expect((await notices.next()).value).toEqual({ ...RECOVERED, atWallMs: 6 });
    ended.abort();
  });

  it('calls listeners as events happen', () => {
    const hub = newHub();
    const heard: string[] = [];
    hub.listen(({ kind }) => heard.push(kind));
    hub.tell(RECOVERED);
    expect(heard).toEqual(['kernel-recovered']);
  });
});

function newHub(): EventHub {
  return new EventHub(createLogger('test', 'silent'));
}

function reader(hub: EventHub) {
  const ended = new AbortController();
  const notices = hub.read(ended.signal);
  const all: EventNotice[] = [];
  const arrived: (() => void)[] = [];
  const seen = (async () => {
    for await (const notice of notices) {
      all.push(notice);
      for (const wake of arrived.splice(0)) wake();
    }
    return all;
  })();
  const take = async (count: number) => {
    while (all.length < count) await new Promise<void>((resolve) => arrived.push(resolve));
  };
  return { seen, take, end: () => ended.abort() };
}
