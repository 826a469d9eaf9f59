import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Deadline, Deadlines } from './deadlines.js';

describe('deadlines', () => {
  it('runs exactly what is due and not cancelled, the earliest first', () => {
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), inMs: fc.nat(50) }),
      fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(20) }),
      fc.record({ kind: fc.constant('run' as const), forMs: fc.nat(30) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const deadlines = new Deadlines();
        let model: { id: number; dueMs: number }[] = [];
        const handles: Deadline[] = [];
        let ran: number[] = [];
        let nowMs = 0;
        for (const step of operations) {
          if (step.kind === 'add') {
            const id = handles.length;
            handles.push(deadlines.add(nowMs + step.inMs, () => ran.push(id)));
            model.push({ id, dueMs: nowMs + step.inMs });
          } else if (step.kind === 'cancel') {
            handles[step.which]?.cancel();
            model = model.filter((entry) => entry.id !== step.which);
          } else {
            nowMs += step.forMs;
            ran = [];
            deadlines.run(nowMs);
            const due = model.filter((entry) => entry.dueMs <= nowMs);
            model = model.filter((entry) => entry.dueMs > nowMs);
            const dueOf = (id: number) => due.find((entry) => entry.id === id)!.dueMs;
            expect([...ran].sort((a, b) => a - b)).toEqual(due.map((entry) => entry.id));
            expect(ran.map(dueOf)).toEqual(ran.map(dueOf).sort((a, b) => a - b));
          }
          expect(deadlines.size).toBe(model.length);
          expect(deadlines.nextMs()).toBe(model.length === 0 ? null : Math.min(...model.map((entry) => entry.dueMs)));
        }
      }),
    );
  });
});
