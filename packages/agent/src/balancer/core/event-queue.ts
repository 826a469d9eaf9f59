import type { MemberState, PoolMode, Transition } from '@higgins/balancing';
import type { BalancerEvent, BalancerOccurrence, PoolName, Severity } from './events.js';
import { EVENTS_WAITING_MAX, REASON_CHARACTERS_MAX } from './limits.js';
import type { Instance } from './members.js';
import { type Now, wallOf } from './now.js';

/** Events that wait to be told. */
export class EventQueue {
  #waiting: BalancerEvent[] = [];

  add(occurrence: BalancerOccurrence, now: Now): void {
    if (this.#waiting.length >= EVENTS_WAITING_MAX) this.#waiting.shift();
    this.#waiting.push({ atWallMs: Math.round(now.wallMs), severity: severityOf(occurrence), ...occurrence });
  }

  take(): BalancerEvent | null {
    return this.#waiting.shift() ?? null;
  }
}

/** A transition as it is told; null for a member that is gone. */
export function occurrenceOf(
  transition: Transition,
  pool: PoolName,
  instance: Instance | undefined,
  failure: string | null,
  now: Now,
): BalancerOccurrence | null {
  if (transition.kind === 'pool') return { kind: 'pool', ...pool, from: transition.from, to: transition.to };
  if (instance === undefined) return null;
  const { from, to, member, restoreAtMs } = transition;
  return {
    kind: 'member',
    ...pool,
    ...{ member, address: instance.address, port: instance.member.port },
    ...{ from: from.state, to: to.state },
    reason: to.reason === null ? null : shortened([to.reason, failure].filter((part) => part !== null).join(': ')),
    restoreAtWallMs: wallOf(restoreAtMs, now),
  };
}

/** Text for people, cut to a bounded length. */
export function shortened(text: string): string {
  return text.length <= REASON_CHARACTERS_MAX ? text : `${text.slice(0, REASON_CHARACTERS_MAX - 1)}…`;
}

function severityOf(occurrence: BalancerOccurrence): Severity {
  switch (occurrence.kind) {
    case 'member':
      return MEMBER_SEVERITIES[occurrence.to];
    case 'pool':
      return POOL_SEVERITIES[occurrence.to];
    case 'kernel-failed':
      return 'critical';
    case 'configuration-refused':
    case 'configuration-stale':
    case 'kernel-drift':
    case 'certificate-ending':
    case 'direct-return-failed':
    case 'conntrack-high':
    case 'name-stale':
      return 'warning';
    default:
      return 'info';
  }
}

const MEMBER_SEVERITIES: Readonly<Record<MemberState, Severity>> = {
  active: 'info',
  'on-trial': 'info',
  ejected: 'warning',
  draining: 'info',
  drained: 'info',
  disabled: 'info',
};

const POOL_SEVERITIES: Readonly<Record<PoolMode, Severity>> = {
  normal: 'info',
  backup: 'warning',
  panic: 'warning',
  'fail-open': 'critical',
  reject: 'critical',
};
