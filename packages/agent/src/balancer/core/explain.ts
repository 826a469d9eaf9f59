import { type Flow, FlowPredictor, memberAt } from '@higgins/balancing';
import { AddressError, type Prefix, parseAddress } from '@higgins/ipdata';
import type { DesiredService } from '../../targets/maglev/model.js';
import { bytesOfAddress, rangeHolds } from './addresses.js';
import type { BalancerState } from './balancer-state.js';
import type { ServicePlan } from './layout.js';
import type { Now } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';
import { ControlError, type FlowExplanation, type FlowQuestion } from './status.js';

type Found = Partial<FlowExplanation> & Pick<FlowExplanation, 'outcome' | 'because'>;

const NOTHING = {
  ...{ service: null, loadBalancer: null, listener: null, pool: null, algorithm: null },
  ...{ slot: null, slotsTotal: null, member: null, address: null, port: null, others: [] },
} as const;

/** Who serves a flow that begins now, exactly as the kernel chooses. @throws ControlError `invalid`. */
export function explainFlow(state: BalancerState | null, question: FlowQuestion, now: Now): FlowExplanation {
  const { source, destination } = addressesOf(question);
  const plan = state?.layout.services.find((each) => takes(each, question, destination));
  const service = plan && state?.service(plan.id);
  if (!state || !plan || !service) {
    const because = 'no listener takes this protocol, address, port and interface: the packet is left alone';
    return { flow: question, ...NOTHING, outcome: 'not-balanced', because };
  }
  const where = {
    ...{ service: plan.id, loadBalancer: plan.loadBalancer.name, listener: plan.listener.name },
    ...{ pool: plan.pool.name.pool, algorithm: plan.pool.pool.algorithm },
  };
  const refusal = refusalOf(service, source);
  const found: Found =
    refusal === null ? choose(service, question) : { outcome: 'blocked', because: refusal, member: null };
  const others = othersOf(state.pools.get(plan.pool.key)!, service, found.member ?? null, now);
  return { flow: question, ...NOTHING, ...where, ...found, others };
}

function addressesOf(question: FlowQuestion): { source: Prefix; destination: Prefix } {
  try {
    const source = parseAddress(question.sourceAddress);
    const destination = parseAddress(question.destinationAddress);
    if (source.family !== destination.family) {
      throw new ControlError('invalid', 'source and destination are of two families, expected one');
    }
    return { source, destination };
  } catch (error) {
    if (error instanceof AddressError) throw new ControlError('invalid', error.message, { cause: error });
    throw error;
  }
}

function takes(plan: ServicePlan, question: FlowQuestion, destination: Prefix): boolean {
  const { listener, addresses, family } = plan;
  if (family !== destination.family || listener.protocol !== question.protocol) return false;
  if (listener.port !== question.destinationPort) return false;
  const device = question.interface;
  if (device !== undefined && listener.interfaces.length > 0 && !listener.interfaces.includes(device)) return false;
  return addresses.length === 0 || addresses.some((range) => rangeHolds(range, destination));
}

function refusalOf({ allow, block }: DesiredService, source: Prefix): string | null {
  const held = block.find((range) => rangeHolds(range, source));
  if (held !== undefined) return `the source is on the block list of the listener: ${held}`;
  if (allow === null || allow.some((range) => rangeHolds(range, source))) return null;
  return 'the source is not on the allow list of the listener';
}

function choose(service: DesiredService, question: FlowQuestion): Found {
  const { choice, table, affinity } = service;
  const slotsTotal = table.slots.length;
  if (slotsTotal === 0) return { outcome: 'none', slotsTotal, because: 'no member of the pool serves: it is refused' };
  if (choice.kind === 'turn') {
    const because = 'the kernel takes the slots in turn: the member depends on the flows before';
    return { outcome: 'in-turn', slotsTotal, because };
  }
  const slot = new FlowPredictor(choice).slotOf(flowOf(question));
  const member = memberAt(table, slot);
  const where = member === null ? undefined : service.members.get(member);
  const at = { slot, slotsTotal, member, address: where?.address ?? null, port: where?.port ?? null };
  const hashed = `the hash of ${choice.key.fields.join(', ')} leads to slot ${slot} of ${slotsTotal}`;
  const because = `${hashed}${trialOf(service, slot, member)}`;
  if (affinity === null) return { outcome: 'member', ...at, because };
  return { outcome: 'remembered', ...at, because: `${because}, unless the client is remembered with another member` };
}

/** What becomes of a flow that a member on trial has no place for. */
function trialOf({ trial }: DesiredService, slot: number, member: string | null): string {
  if (trial === null || member === null || !trial.members.includes(member)) return '';
  const other = trial.others && memberAt(trial.others, slot);
  const beyond = other === null ? 'it is refused' : `${other} serves it`;
  return `, whose member is on trial: if that has ${trial.connectionsMax} connections, ${beyond}`;
}

function flowOf(question: FlowQuestion): Flow {
  return {
    protocol: question.protocol,
    sourceAddress: bytesOfAddress(question.sourceAddress),
    destinationAddress: bytesOfAddress(question.destinationAddress),
    sourcePort: question.sourcePort,
    destinationPort: question.destinationPort,
  };
}

function othersOf(pool: PoolRuntime, service: DesiredService, chosen: string | null, now: Now) {
  const serving = new Set(service.table.members);
  const shares = new Map(pool.rotation(now).members.map(({ name, sharePercent = 100 }) => [name, sharePercent]));
  return [...pool.instances.values()]
    .filter(({ name }) => name !== chosen)
    .map(({ name, address }) => {
      const { state, reason } = pool.statuses.get(name)!;
      const isIn = state === 'active' || state === 'on-trial';
      let because = 'serves other slots';
      if (!serving.has(name)) {
        if (!isIn) because = reason === null ? state : `${state}: ${reason}`;
        else if ((shares.get(name) ?? 0) > 0) because = 'at its limit of connections';
        else because = 'a backup, or without weight';
      }
      return { member: name, address, because };
    });
}
