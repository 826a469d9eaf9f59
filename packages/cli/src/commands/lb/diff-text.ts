import type { BalancerDiff, ServiceDiff } from '@higgins/agent';
import { percent } from './text.js';

/** Moves that are named one by one; the rest is summed up. */
const MOVES_SHOWN = 10;

/** A diff for people: one paragraph per service, `+` added, `-` removed, `~` changed. */
export function diffText({ changed, services }: BalancerDiff): string {
  return changed ? services.map(serviceText).join('\n\n') : 'no change';
}

function serviceText(service: ServiceDiff): string {
  const mark = { added: '+', removed: '-', changed: '~' }[service.change];
  const fields = service.fields.length === 0 ? '' : `: ${service.fields.join(', ')}`;
  const lines = [`${mark} ${service.id} (${service.listener})${fields}`];
  for (const member of service.membersAdded) lines.push(`    + ${member}`);
  for (const member of service.membersRemoved) lines.push(`    - ${member}`);
  if (service.change === 'changed') lines.push(`    ${movedText(service)}`);
  for (const { from, to, slots } of service.moves.slice(0, MOVES_SHOWN)) {
    lines.push(`      ${from ?? 'nobody'} -> ${to ?? 'nobody'}: ${slots} slots`);
  }
  const rest = service.moves.slice(MOVES_SHOWN);
  if (rest.length > 0)
    lines.push(`      ${rest.length} more: ${rest.reduce((sum, { slots }) => sum + slots, 0)} slots`);
  return lines.join('\n');
}

function movedText({ slotsMoved, slotsTotal, flowsMoved }: ServiceDiff): string {
  const flows = flowsMoved === null ? 'flows are dealt out in turn' : `${percent(flowsMoved, 1)} of new flows move`;
  return `${slotsMoved} of ${slotsTotal} slots move; ${flows}; established flows stay`;
}
