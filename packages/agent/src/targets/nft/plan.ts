import type { ExpiryMode } from '@higgins/signals';
import { chunksOf, diffIntervals, type Intervals, sameIntervals } from './intervals.js';
import type { ActualList, DesiredList, NftOperation, Sentinel, Slot, SlotContent, Step } from './model.js';
import { namesOf } from './names.js';

/** How far a sentinel's time may be off before it is written again, beyond what is uncertain of it. */
const DEADLINE_TOLERANCE_MS = 5;
/** The kernel removes a sentinel up to a tick of 1 to 10 ms after its time; one that outlives it by more is deleted. */
const KERNEL_LATENESS_MS_MAX = 20;
/** Upper bounds of the bytes on the wire, by key size, per interval (a start and an end element), and of what is around them. */
export const INTERVAL_BYTES = { 4: 41, 16: 65 } as const;
export const BATCH_BYTES = 4_096;

/** What the planner needs to know of the list and the socket. */
export interface PlanOptions {
  readonly id: string;
  /** Bytes that one batch may have. */
  readonly batchBytesMax: number;
}

/**
 * The transactions that lead from `actual` to `desired`, to be carried out in order; none if all is in place.
 *
 * A change that fits one batch is one batch, entries, expiry mode and sentinel together. A larger one first fills the
 * slot that no packet looks at; planned again on what was then read back, it ends with a small batch that points the
 * sentinel there.
 */
export function planList(
  desired: DesiredList,
  actual: ActualList,
  nowBootMs: number,
  options: PlanOptions,
): NftOperation[] {
  const visible = visibleSlot(actual);
  const slot = visible ?? cheaperSlot(desired, actual);
  const changes = slotSteps(options.id, slot, actual.slots[slot], desired);
  if (bytesOf(changes) <= options.batchBytesMax)
    return commitOrClean(desired, actual, slot, changes, nowBootMs, options);
  if (visible === null) return fill(desired, actual, slot, options);
  const idle: Slot = visible === 0 ? 1 : 0;
  if (!holds(actual.slots[idle], desired)) return fill(desired, actual, idle, options);
  return commitOrClean(desired, actual, idle, [], nowBootMs, options);
}

/** The verdict that the expired chain has for a mode; null for none. */
export function expiryVerdict(id: string, mode: ExpiryMode, slot: Slot): string | null {
  if (mode === 'open') return 'return';
  if (mode === 'closed') return `goto ${namesOf.closed(id)}`;
  return mode === 'hold' ? `goto ${namesOf.live(id, slot)}` : null;
}

/** The slot that judges packets now, or will as soon as the sentinel ends (mode `hold`); null if none does. */
export function visibleSlot(actual: ActualList): Slot | null {
  const { sentinels, expiryVerdicts } = actual;
  const verdicts = [sentinels.ipv4?.verdict, sentinels.ipv6?.verdict, expiryVerdicts.ipv4, expiryVerdicts.ipv6];
  const live = verdicts.map((verdict) => /_live_([01])$/.exec(verdict ?? '')).find((match) => match !== null);
  return live ? (Number(live[1]) as Slot) : null;
}

function cheaperSlot(desired: DesiredList, actual: ActualList): Slot {
  const cost = (slot: Slot) => bytesOf(slotSteps('', slot, actual.slots[slot], desired));
  return cost(1) < cost(0) ? 1 : 0;
}

function commitOrClean(
  desired: DesiredList,
  actual: ActualList,
  slot: Slot,
  changes: readonly Step[],
  nowBootMs: number,
  options: PlanOptions,
): NftOperation[] {
  const { id } = options;
  // The kernel counts a timeout from where it meets it in the batch: before the entries, not after thousands of them.
  const steps = [
    ...sentinelSteps(id, desired, actual, slot, nowBootMs),
    ...expirySteps(id, desired, actual, slot),
    ...changes,
  ];
  if (steps.length > 0) return [{ list: id, generation: actual.generation, steps }];
  const idle: Slot = slot === 0 ? 1 : 0;
  const cleaning = flushSteps(id, idle, actual.slots[idle]);
  return cleaning.length === 0 ? [] : [{ list: id, generation: actual.generation, steps: cleaning }];
}

function slotSteps(id: string, slot: Slot, content: SlotContent, desired: DesiredList): Step[] {
  const change = (family: 4 | 6, before: Intervals, after: Intervals): Step[] => {
    const { removed, added } = diffIntervals(before, after);
    const set = namesOf.set(id, family, slot);
    const steps: Step[] = [];
    if (removed.count > 0) steps.push({ kind: 'delete', set, intervals: removed });
    if (added.count > 0) steps.push({ kind: 'add', set, intervals: added });
    return steps;
  };
  return [...change(4, content.ipv4, desired.ipv4), ...change(6, content.ipv6, desired.ipv6)];
}

function expirySteps(id: string, desired: DesiredList, actual: ActualList, slot: Slot): Step[] {
  const before = actual.expiryVerdicts;
  const after = expiryVerdict(id, desired.onExpiry, slot);
  if (before.ipv4 === after && before.ipv6 === after) return [];
  return [{ kind: 'verdicts', map: namesOf.expiry(id), before, after, deadlineBootMs: null }];
}

function sentinelSteps(id: string, desired: DesiredList, actual: ActualList, slot: Slot, nowBootMs: number): Step[] {
  const { deadlineBootMs } = desired;
  const { ipv4, ipv6 } = actual.sentinels;
  const over = deadlineBootMs !== null && deadlineBootMs <= nowBootMs;
  const after = over ? null : `goto ${namesOf.live(id, slot)}`;
  const inPlace = (sentinel: Sentinel | null) => {
    if (over) return sentinel === null || endsByItself(sentinel, nowBootMs);
    return sentinel?.verdict === after && sameDeadline(sentinel, deadlineBootMs);
  };
  if (inPlace(ipv4) && inPlace(ipv6)) return [];
  const before = { ipv4: ipv4?.verdict ?? null, ipv6: ipv6?.verdict ?? null };
  return [{ kind: 'verdicts', map: namesOf.alive(id), before, after, deadlineBootMs }];
}

function endsByItself({ expiresBootMs }: Sentinel, nowBootMs: number): boolean {
  return expiresBootMs !== null && expiresBootMs <= nowBootMs + KERNEL_LATENESS_MS_MAX;
}

function sameDeadline({ expiresBootMs, uncertainMs }: Sentinel, desired: number | null): boolean {
  if (expiresBootMs === null || desired === null) return expiresBootMs === desired;
  return Math.abs(expiresBootMs - desired) <= DEADLINE_TOLERANCE_MS + uncertainMs;
}

/** Empties the slot and fills it in transactions that each fit the socket. */
function fill(desired: DesiredList, actual: ActualList, slot: Slot, options: PlanOptions): NftOperation[] {
  const { id, batchBytesMax } = options;
  const operations: NftOperation[] = [];
  const empty = flushSteps(id, slot, actual.slots[slot]);
  if (empty.length > 0) operations.push({ list: id, generation: null, steps: empty });
  for (const [family, intervals] of [
    [4, desired.ipv4],
    [6, desired.ipv6],
  ] as const) {
    const countMax = Math.max(1, Math.floor((batchBytesMax - BATCH_BYTES) / INTERVAL_BYTES[intervals.keyBytes]));
    for (const chunk of chunksOf(intervals, countMax)) {
      const step: Step = { kind: 'add', set: namesOf.set(id, family, slot), intervals: chunk };
      operations.push({ list: id, generation: null, steps: [step] });
    }
  }
  return operations;
}

function flushSteps(id: string, slot: Slot, content: SlotContent): Step[] {
  const steps: Step[] = [];
  if (content.ipv4.count > 0) steps.push({ kind: 'flush', set: namesOf.set(id, 4, slot) });
  if (content.ipv6.count > 0) steps.push({ kind: 'flush', set: namesOf.set(id, 6, slot) });
  return steps;
}

function holds(content: SlotContent, desired: DesiredList): boolean {
  return sameIntervals(content.ipv4, desired.ipv4) && sameIntervals(content.ipv6, desired.ipv6);
}

function bytesOf(steps: readonly Step[]): number {
  const entries = (step: Step) =>
    'intervals' in step ? step.intervals.count * INTERVAL_BYTES[step.intervals.keyBytes] : 0;
  return steps.reduce((sum, step) => sum + entries(step), BATCH_BYTES);
}
