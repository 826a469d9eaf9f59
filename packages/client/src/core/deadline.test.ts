import { describe, expect, it } from 'vitest';
import { DELAY_ORIGINS_MAX, DELAY_WINDOW_MS, DeadlineRule, type Receipt } from './deadline.js';

const receipt = (change: Partial<Receipt>): Receipt => ({
  writer: 'w',
  epoch: 1,
  receiptBootMs: 1_000_000,
  publishMs: 500_000,
  ageMs: 0,
  ttlMs: 10_000,
  ...change,
});

describe('DeadlineRule', () => {
  it('counts from the receipt when nothing is known of the way', () => {
    expect(new DeadlineRule().deadlineBootMs(receipt({ publishMs: null }))).toBe(1_010_000);
    expect(new DeadlineRule().deadlineBootMs(receipt({}))).toBe(1_010_000);
  });

  it('BUS-47: takes off the age that relays measured, and ends in the past for an expired object', () => {
    expect(new DeadlineRule().deadlineBootMs(receipt({ ageMs: 4_000 }))).toBe(1_006_000);
    expect(new DeadlineRule().deadlineBootMs(receipt({ ageMs: 14_000 }))).toBe(996_000);
  });

  it('BUS-52: takes off a stall that no relay saw, or the age if that is more', () => {
    const rule = new DeadlineRule();
    rule.deadlineBootMs(receipt({}));
    const stalled = { receiptBootMs: 1_008_000, publishMs: 505_000 };
    expect(rule.deadlineBootMs(receipt(stalled))).toBe(1_008_000 + 10_000 - 3_000);
    expect(rule.deadlineBootMs(receipt({ ...stalled, ageMs: 5_000 }))).toBe(1_008_000 + 10_000 - 5_000);
  });

  it('BUS-52: forgets a fast delay after ten minutes', () => {
    const rule = new DeadlineRule();
    rule.deadlineBootMs(receipt({}));
    const later = DELAY_WINDOW_MS + 30_000;
    const slower = receipt({ receiptBootMs: 1_000_000 + later, publishMs: 500_000 + later - 2_000 });
    expect(rule.deadlineBootMs(slower)).toBe(slower.receiptBootMs + 10_000);
  });

  it('BUS-52: compares clocks within one writer and epoch only', () => {
    const rule = new DeadlineRule();
    rule.deadlineBootMs(receipt({}));
    const behind = { publishMs: 100_000 };
    expect(rule.deadlineBootMs(receipt({ ...behind, epoch: 2 }))).toBe(1_010_000);
    expect(rule.deadlineBootMs(receipt({ ...behind, writer: 'v' }))).toBe(1_010_000);
    expect(rule.deadlineBootMs(receipt(behind))).toBe(1_000_000 + 10_000 - 400_000);
  });

  it('BUS-52: counts heartbeats of the writer as samples', () => {
    const rule = new DeadlineRule();
    rule.sample('w', 1, 990_000, 490_500);
    expect(rule.deadlineBootMs(receipt({}))).toBe(1_010_000 - 500);
  });

  it('BUS-52: reconsiders what came before a faster object', () => {
    const faster: string[] = [];
    const rule = new DeadlineRule((writer, epoch) => faster.push(`${writer} ${epoch}`));
    const stalled = receipt({});
    expect(rule.deadlineBootMs(stalled)).toBe(1_010_000);
    expect(faster).toEqual([]);
    rule.deadlineBootMs(receipt({ receiptBootMs: 1_001_000, publishMs: 504_000 }));
    expect(faster).toEqual(['w 1']);
    expect(rule.reconsider(stalled)).toBe(1_010_000 - 3_000);
  });

  it('bounds the writers that it tracks, and forgets the one unused for longest', () => {
    const rule = new DeadlineRule();
    rule.deadlineBootMs(receipt({ writer: 'kept' }));
    rule.deadlineBootMs(receipt({ writer: 'forgotten' }));
    rule.deadlineBootMs(receipt({ writer: 'kept' }));
    for (let other = 0; other < DELAY_ORIGINS_MAX - 1; other++) rule.deadlineBootMs(receipt({ writer: `${other}` }));
    const stalled = { receiptBootMs: 1_001_000 };
    expect(rule.deadlineBootMs(receipt({ ...stalled, writer: 'kept' }))).toBe(1_010_000);
    expect(rule.deadlineBootMs(receipt({ ...stalled, writer: 'forgotten' }))).toBe(1_011_000);
  });
});
