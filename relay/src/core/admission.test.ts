import { describe, expect, it } from 'vitest';
import { Admission } from './admission.js';
import { TestWorld } from './testing/test-world.js';

describe('Admission', () => {
  it('BUS-63: lets in a second of sessions at once, and then so many per second, whatever is asked', () => {
    const admission = new Admission(10, 0);
    const admitted = (nowMs: number, asked: number) =>
      Array.from({ length: asked }, () => admission.admit(nowMs)).filter(Boolean).length;
    expect(admitted(0, 100)).toBe(10);
    expect(admitted(50, 100)).toBe(0);
    expect(admitted(100, 100)).toBe(1);
    expect(admitted(600, 100)).toBe(5);
    expect(admitted(60_000, 100)).toBe(10);
  });

  it('BUS-63: sessions that come too fast are closed at once, counted, and let in later', async () => {
    const world = new TestWorld();
    const { node } = await world.relay('edge', { limits: { sessionsPerSecondMax: 3 } });
    const clients = [];
    for (let count = 0; count < 5; count++) clients.push(await world.client('edge'));
    await world.pass(50);
    expect(clients.map((client) => client.of('closed').length)).toEqual([0, 0, 0, 1, 1]);
    expect(clients[4]!.of('closed')[0]).toMatchObject({
      remote: true,
      reason: expect.stringContaining('3 sessions per'),
    });
    expect(node.core.counters).toMatchObject({ sessions: 3, sessionsRefused: 2 });
    await world.pass(1_000);
    const late = await world.client('edge');
    await world.pass(50);
    expect(late.of('closed')).toEqual([]);
  });
});
