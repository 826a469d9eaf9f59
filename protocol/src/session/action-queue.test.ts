import { describe, expect, it } from 'vitest';
import { ActionQueue, emptyAction } from './action-queue.js';

describe('action queue', () => {
  it('yields actions in order through growth and wrap-around', () => {
    const queue = new ActionQueue();
    const out = emptyAction();
    const seen: number[] = [];
    let next = 0;
    for (const burst of [3, 7, 1, 20, 5, 64]) {
      for (let i = 0; i < burst; i++) queue.reset(-1, next++);
      for (let i = 0; i < burst - 1; i++) {
        expect(queue.take(out)).toBe(true);
        seen.push(out.code);
      }
    }
    while (queue.take(out)) seen.push(out.code);
    expect(seen).toEqual(Array.from({ length: next }, (_, i) => i));
    expect(queue.take(out)).toBe(false);
    expect(queue.size).toBe(0);
  });

  it('carries the fields of each kind', () => {
    const queue = new ActionQueue();
    const out = emptyAction();
    const bytes = Uint8Array.of(1, 2);
    queue.open(-4, true, 7);
    queue.write(-4, bytes, false);
    queue.fin(-4);
    queue.stopSending(6, 5);
    queue.close(3, 'why');
    queue.notice({ kind: 'fetch-end', request: 2 });
    queue.take(out);
    expect(out).toMatchObject({ kind: 'open', stream: -4, bidirectional: true, priority: 7 });
    queue.take(out);
    expect(out).toMatchObject({ kind: 'write', stream: -4, bytes, fin: false });
    queue.take(out);
    expect(out).toMatchObject({ kind: 'write', bytes: new Uint8Array(0), fin: true });
    queue.take(out);
    expect(out).toMatchObject({ kind: 'stop-sending', stream: 6, code: 5 });
    queue.take(out);
    expect(out).toMatchObject({ kind: 'close', code: 3, reason: 'why' });
    queue.take(out);
    expect(out).toMatchObject({ kind: 'notice', notice: { kind: 'fetch-end', request: 2 } });
  });
});
