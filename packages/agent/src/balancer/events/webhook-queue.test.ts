import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { beforeEach, expect, it } from 'vitest';
import { until } from '../../../../../test/support/until.js';
import type { BalancerEvent } from '../core/events.js';
import { WebhookQueue } from './webhook-queue.js';

/** A status, an error, or no answer at all. */
type Answer = number | Error | 'silence';

const TIMEOUT_MS = 5_000;

let world: VirtualWorld;
let queue: WebhookQueue;
let answers: Answer[];
let attempts: { readonly atMs: number; readonly id: string; readonly lost: number }[];
let aborted: number;
let notices: (string | null)[];

beforeEach(() => {
  world = new VirtualWorld({ seed: 7 });
  const runtime = new VirtualMachine(world, { name: 'node', uptimeMs: 0 }).start();
  answers = [];
  attempts = [];
  aborted = 0;
  notices = [];
  queue = new WebhookQueue({ runtime, timeoutMs: TIMEOUT_MS, send, failing: (reason) => notices.push(reason) });
});

it('LOB-62: repeats what fails with growing pauses, in order and under the same id, until it is taken', async () => {
  answers = [500, 503, 429, 408, new Error('connection refused'), 204, 200];
  add('a', 'b');
  await world.runFor(200_000);
  expect(attempts.map(({ id }) => id).join('')).toBe('aaaaaab');
  const pausesMs = attempts.slice(1, 6).map(({ atMs }, index) => atMs - attempts[index]!.atMs);
  for (const [index, pauseMs] of pausesMs.entries()) {
    expect(pauseMs).toBeGreaterThanOrEqual(500 * 2 ** index);
    expect(pauseMs).toBeLessThanOrEqual(1_000 * 2 ** index);
  }
  expect(queue.counters).toEqual({ delivered: 2, retried: 5, failed: 0, dropped: 0 });
  expect(notices).toEqual(['status 500, expected 200-299', null]);
});

it('gives up what the receiver refuses, at once, and what fails eight times; the next event tells how many were lost', async () => {
  answers = [400, 302, ...Array<Answer>(8).fill(500), 204];
  add('a', 'b', 'c', 'd');
  await world.runFor(1_000_000);
  expect(attempts.map(({ id }) => id).join('')).toBe('abccccccccd');
  expect(attempts.map(({ lost }) => lost)).toEqual([0, 1, ...Array(8).fill(2), 3]);
  expect(queue.counters).toEqual({ delivered: 1, retried: 7, failed: 3, dropped: 0 });
  add('e');
  await world.runFor(1);
  expect(attempts.at(-1)).toMatchObject({ id: 'e', lost: 0 });
});

it('no pause is longer than a minute', async () => {
  answers = Array(8).fill(500);
  add('a');
  await world.runFor(1_000_000);
  const pausesMs = attempts.slice(1).map(({ atMs }, index) => atMs - attempts[index]!.atMs);
  expect(pausesMs).toHaveLength(7);
  expect(Math.max(...pausesMs)).toBeLessThanOrEqual(60_000);
});

it('ends a request without an answer at its timeout', async () => {
  answers = ['silence', 200];
  add('a');
  await world.runFor(TIMEOUT_MS - 1);
  expect([aborted, notices]).toEqual([0, []]);
  await world.runFor(1);
  expect([aborted, notices]).toEqual([1, ['no answer within 5000 ms']]);
  await world.runFor(1_000);
  expect(queue.counters).toMatchObject({ delivered: 1, retried: 1 });
});

it('LOB-62: keeps a thousand events for a receiver that hangs; the oldest go, are counted, and are told of', async () => {
  answers = ['silence'];
  for (let count = 0; count < 1_501; count++) add(`${count}`);
  expect([queue.waiting, queue.counters.dropped]).toEqual([1_000, 500]);
  await world.runFor(TIMEOUT_MS + 1_000);
  await until(() => attempts.length === 1_002);
  expect(attempts.slice(0, 3).map(({ id, lost }) => [id, lost])).toEqual([
    ['0', 0],
    ['0', 500],
    ['501', 0],
  ]);
  expect(queue.counters).toMatchObject({ delivered: 1_001, dropped: 500 });
});

it('tries what waits once more when it is closed, without a pause', async () => {
  answers = [503, 500, 200, 200];
  add('a', 'b', 'c');
  await world.runFor(1);
  const closed = queue.close(2_000);
  await world.runUntilSettled(closed, 2_000);
  expect(world.nowMs).toBe(1);
  expect(attempts.map(({ id }) => id).join('')).toBe('aabc');
  add('d');
  expect(queue.counters).toEqual({ delivered: 2, retried: 1, failed: 1, dropped: 1 });
  expect(world.pending).toBe(0);
});

it('ends what is still on its way when the time to close is over; what is left counts as dropped', async () => {
  answers = ['silence'];
  add('a', 'b', 'c');
  await world.runUntilSettled(queue.close(2_000), 2_001);
  expect(world.nowMs).toBe(2_000);
  expect(queue.counters).toEqual({ delivered: 0, retried: 0, failed: 1, dropped: 2 });
  expect([aborted, queue.waiting, world.pending]).toEqual([1, 0, 0]);
  await queue.close(1);
});

function add(...ids: string[]): void {
  const event: BalancerEvent = { atWallMs: 1, severity: 'info', kind: 'kernel-recovered' };
  for (const id of ids) queue.add({ id, node: 'fra1', event });
}

/** A receiver that answers as the test says, else with 200. */
function send(body: Uint8Array, signal: AbortSignal): Promise<number> {
  const { id, lost } = JSON.parse(Buffer.from(body).toString()) as { id: string; lost: number };
  attempts.push({ atMs: world.nowMs, id, lost });
  const answer = answers.shift() ?? 200;
  if (answer instanceof Error) return Promise.reject(answer);
  if (answer !== 'silence') return Promise.resolve(answer);
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      aborted++;
      reject(signal.reason);
    });
  });
}
