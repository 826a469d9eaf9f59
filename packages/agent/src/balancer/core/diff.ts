import type { DesiredService } from '../../targets/maglev/model.js';
import type { BalancerState } from './balancer-state.js';
import { fieldsThatDiffer } from './compile.js';
import type { BalancerDiff, ServiceDiff } from './status.js';

type Table = DesiredService['table'];

/** What would change for the kernel and for flows if `after` took the place of `before`; null: nothing is in force. */
export function diffOf(before: BalancerState | null, after: BalancerState): BalancerDiff {
  const plans = new Map([...(before?.layout.services ?? []), ...after.layout.services].map((plan) => [plan.id, plan]));
  const services = [...plans.values()].flatMap(({ id, listener }) => {
    const diff = diffOfService(before?.service(id) ?? null, after.service(id));
    return diff === null ? [] : [{ id, listener: listener.name, ...diff }];
  });
  return { changed: services.length > 0, services };
}

function diffOfService(
  before: DesiredService | null,
  after: DesiredService | null,
): Omit<ServiceDiff, 'id' | 'listener'> | null {
  if (before === null && after === null) return null;
  const names = (service: DesiredService | null) => [...(service?.members.keys() ?? [])];
  const moves = movesOf(before, after);
  const slotsMoved = moves.reduce((sum, { slots }) => sum + slots, 0);
  const fields = before && after ? fieldsThatDiffer(before, after).filter((field) => field !== 'members') : [];
  const moved = before && after ? movedMembers(before, after) : [];
  const membersAdded = names(after).filter((name) => before?.members.has(name) !== true);
  const membersRemoved = names(before).filter((name) => after?.members.has(name) !== true);
  const change = before === null ? 'added' : after === null ? 'removed' : 'changed';
  const same = fields.length + moved.length + membersAdded.length + membersRemoved.length + slotsMoved === 0;
  if (change === 'changed' && same) return null;
  const slotsTotal = Math.max(before?.table.slots.length ?? 0, after?.table.slots.length ?? 0);
  const isHashed = [before, after].every((service) => service === null || service.choice.kind === 'hash');
  const flowsMoved = isHashed && slotsTotal > 0 ? slotsMoved / slotsTotal : null;
  const allFields = moved.length > 0 ? [...fields, 'members'] : fields;
  return { change, fields: allFields, membersAdded, membersRemoved, slotsTotal, slotsMoved, flowsMoved, moves };
}

/** Members that are elsewhere afterwards. */
function movedMembers(before: DesiredService, after: DesiredService): string[] {
  return [...before.members].flatMap(([name, { address, port }]) => {
    const now = after.members.get(name);
    return now !== undefined && (now.address !== address || now.port !== port) ? [name] : [];
  });
}

/** Slots by whom they lead to before and after; of tables of other sizes every slot counts. */
function movesOf(before: DesiredService | null, after: DesiredService | null): ServiceDiff['moves'] {
  const sameChoice = JSON.stringify(before?.choice) === JSON.stringify(after?.choice);
  const size = Math.max(before?.table.slots.length ?? 0, after?.table.slots.length ?? 0);
  const moves = new Map<string, { from: string | null; to: string | null; slots: number }>();
  for (let slot = 0; slot < size; slot++) {
    const from = nameAt(before?.table, slot);
    const to = nameAt(after?.table, slot);
    if (from === to && (sameChoice || before === null || after === null)) continue;
    const key = JSON.stringify([from, to]);
    const move = moves.get(key) ?? { from, to, slots: 0 };
    move.slots += 1;
    moves.set(key, move);
  }
  return [...moves.values()].sort((left, right) => right.slots - left.slots);
}

function nameAt(table: Table | undefined, slot: number): string | null {
  return table?.members[table.slots[slot] ?? -1] ?? null;
}
