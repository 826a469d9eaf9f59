import { parseIpSet } from '@higgins/ipdata';
import { describe, expect, it } from 'vitest';
import { describeOperations } from './describe.js';
import { intervalsOf } from './intervals.js';
import type { ActualList, DesiredList, Sentinel, SlotContent } from './model.js';
import { planList } from './plan.js';

const NOW = 1_000;

describe('planList', () => {
  it('puts a first list in place with one batch', () => {
    expect(
      plan(wanted(['10.0.0.0/8', '2001:db8::/32'], { deadlineBootMs: 9_000, onExpiry: 'closed' }), kernel({})),
    ).toBe(
      lines(
        'batch for office, if generation 7',
        '  office_alive: null -> goto office_live_0 until 9000',
        '  office_expiry: null -> goto office_closed',
        '  add office_ipv4_0 10.0.0.0-10.255.255.255',
        '  add office_ipv6_0 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
      ),
    );
  });

  it('BUS-134: does nothing where all is in place', () => {
    const desired = wanted(['10.0.0.0/8'], { deadlineBootMs: 9_000, onExpiry: 'open' });
    const actual = kernel({ slots: [desired, NOTHING], sentinel: live(0, 9_004), expiry: 'return' });
    expect(plan(desired, actual)).toBe('');
  });

  it('BUS-49: renews with the sentinel alone', () => {
    const desired = wanted(['10.0.0.0/8'], { deadlineBootMs: 9_000 });
    expect(plan(desired, kernel({ slots: [NOTHING, desired], sentinel: live(1, 4_000) }))).toBe(
      lines('batch for office, if generation 7', '  office_alive: goto office_live_1 -> goto office_live_1 until 9000'),
    );
  });

  it('BUS-52: takes a sentinel back that would outlive the deadline', () => {
    const desired = wanted(['10.0.0.0/8'], { deadlineBootMs: 2_000 });
    expect(plan(desired, kernel({ slots: [desired, NOTHING], sentinel: live(0, null) }))).toContain('until 2000');
  });

  it('BUS-52: a deadline that moves by more than a tick moves the sentinel, as exactly as its time is known', () => {
    const desired = wanted(['10.0.0.0/8'], { deadlineBootMs: 9_000 });
    const planned = (expiresBootMs: number, uncertainMs: number) =>
      plan(desired, kernel({ slots: [desired, NOTHING], sentinel: { ...live(0, expiresBootMs), uncertainMs } }));
    expect([planned(9_005, 0), planned(8_995, 0), planned(9_025, 20)]).toEqual(['', '', '']);
    for (const moved of [planned(9_006, 0), planned(8_994, 0), planned(9_026, 20)])
      expect(moved).toContain('until 9000');
  });

  it('changes only what differs, entries, mode and sentinel in one batch', () => {
    const before = wanted(['10.0.0.0/24', '10.0.2.0/24'], {});
    const desired = wanted(['10.0.0.0/24', '10.0.3.0/24'], { deadlineBootMs: 9_000, onExpiry: 'hold' });
    const actual = kernel({ slots: [before, NOTHING], sentinel: live(0, 3_000), expiry: 'goto office_closed' });
    expect(plan(desired, actual)).toBe(
      lines(
        'batch for office, if generation 7',
        '  office_alive: goto office_live_0 -> goto office_live_0 until 9000',
        '  office_expiry: goto office_closed -> goto office_live_0',
        '  delete office_ipv4_0 10.0.2.0-10.0.2.255',
        '  add office_ipv4_0 10.0.3.0-10.0.3.255',
      ),
    );
  });

  it('merges what overlaps and touches', () => {
    expect(plan(wanted(['10.0.0.0/25', '10.0.0.128/25', '10.0.0.7/32'], {}), kernel({}))).toContain(
      'add office_ipv4_0 10.0.0.0-10.0.0.255',
    );
  });

  it('after the deadline takes a sentinel away that is still there, and adds none', () => {
    const desired = wanted(['10.0.0.0/8'], { deadlineBootMs: 500 });
    expect(plan(desired, kernel({ slots: [desired, NOTHING], sentinel: live(0, 1_100) }))).toBe(
      lines('batch for office, if generation 7', '  office_alive: goto office_live_0 -> null'),
    );
    expect(plan(desired, kernel({ slots: [desired, NOTHING] }))).toBe('');
  });

  it('leaves a sentinel alone that the kernel removes with its next tick', () => {
    const desired = wanted(['10.0.0.0/8'], { deadlineBootMs: 999 });
    expect(plan(desired, kernel({ slots: [desired, NOTHING], sentinel: live(0, 1_008) }))).toBe('');
  });

  it('repairs a sentinel that one family lost, or that leads elsewhere', () => {
    const desired = wanted(['10.0.0.0/8'], {});
    const half = kernel({ slots: [desired, NOTHING] });
    const sentinels = { ipv4: live(0, null), ipv6: null };
    expect(plan(desired, { ...half, sentinels })).toContain(
      'office_alive: goto office_live_0 / null -> goto office_live_0',
    );
    const astray = { ipv4: live(0, null), ipv6: { verdict: 'return', expiresBootMs: null, uncertainMs: 0 } };
    expect(plan(desired, { ...half, sentinels: astray })).toContain(
      'goto office_live_0 / return -> goto office_live_0',
    );
  });
});

describe('planList beyond one batch', () => {
  const many = Array.from({ length: 300 }, (_, index) => `10.${index >> 8}.${index & 255}.0/28`);
  const options = { id: 'office', batchBytesMax: 10_000 };
  const before = wanted(['192.0.2.0/24'], {});
  const desired = wanted(many, { deadlineBootMs: 9_000 });

  it('fills the idle slot in batches that fit', () => {
    const actual = kernel({ slots: [before, before], sentinel: live(0, null) });
    expect(describeOperations(planList(desired, actual, NOW, options))).toBe(
      lines(
        'batch for office, whatever the generation',
        '  flush office_ipv4_1',
        'batch for office, whatever the generation',
        '  add office_ipv4_1 144 intervals',
        'batch for office, whatever the generation',
        '  add office_ipv4_1 144 intervals',
        'batch for office, whatever the generation',
        '  add office_ipv4_1 12 intervals',
      ),
    );
  });

  it('BUS-89: points the sentinel to the filled slot in one small batch', () => {
    const actual = kernel({ slots: [before, desired], sentinel: live(0, null) });
    expect(describeOperations(planList(desired, actual, NOW, options))).toBe(
      lines('batch for office, if generation 7', '  office_alive: goto office_live_0 -> goto office_live_1 until 9000'),
    );
  });

  it('moves the mode hold along with the slot', () => {
    const held = wanted(many, { onExpiry: 'hold', deadlineBootMs: 9_000 });
    const actual = kernel({ slots: [before, held], expiry: 'goto office_live_0' });
    expect(describeOperations(planList(held, actual, NOW, options))).toContain(
      'office_expiry: goto office_live_0 -> goto office_live_1',
    );
  });

  it('fills in place where no packet looks', () => {
    expect(describeOperations(planList(desired, kernel({}), NOW, options))).toMatch(
      /^batch for office, whatever.*\n {2}add office_ipv4_0/,
    );
  });

  it('empties the slot that was left, once nothing else is to do', () => {
    const actual = kernel({ slots: [before, desired], sentinel: live(1, 9_000) });
    expect(describeOperations(planList(desired, actual, NOW, options))).toBe(
      lines('batch for office, if generation 7', '  flush office_ipv4_0'),
    );
  });
});

const NOTHING = wanted([], {});

function wanted(entries: readonly string[], options: Partial<DesiredList>): DesiredList {
  const { ipv4, ipv6 } = parseIpSet(entries);
  return { ipv4: intervalsOf(ipv4), ipv6: intervalsOf(ipv6), deadlineBootMs: null, onExpiry: 'unset', ...options };
}

function live(slot: 0 | 1, expiresBootMs: number | null): Sentinel {
  return { verdict: `goto office_live_${slot}`, expiresBootMs, uncertainMs: 0 };
}

interface Kernel {
  readonly slots?: readonly [SlotContent, SlotContent];
  readonly sentinel?: Sentinel;
  readonly expiry?: string;
}

function kernel({ slots, sentinel, expiry }: Kernel): ActualList {
  return {
    generation: 7,
    slots: slots ?? [NOTHING, NOTHING],
    sentinels: { ipv4: sentinel ?? null, ipv6: sentinel ?? null },
    expiryVerdicts: { ipv4: expiry ?? null, ipv6: expiry ?? null },
  };
}

function plan(desired: DesiredList, actual: ActualList): string {
  return describeOperations(planList(desired, actual, NOW, { id: 'office', batchBytesMax: 1_000_000 }));
}

function lines(...all: string[]): string {
  return all.join('\n');
}
