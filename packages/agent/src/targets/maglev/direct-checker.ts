import { PROTOCOL_NUMBERS } from '@higgins/balancing';
import { MEMBER_PROBES_MAX, type MemberEvidence, type MemberProbe, probeMembers, wayTo } from '@higgins/netlink';
import type { Checker, CheckOrder, CheckResult, DirectReturnOrder } from '../../balancer/core/contract.js';
import { reasonOf } from '../../reason.js';
import { faultOf, text } from './direct-judgement.js';
import { type Hop, hopsTo, isSilent } from './surroundings.js';

/** How long a round listens; questions are put three times in it. */
const WINDOW_MS = 600;
/** Orders that wait; each member and listener has one at a time, so that more are a mistake. */
const WAITING_MAX = 131_072;

/** An order for a check of direct server return. */
export type DirectOrder = CheckOrder & { readonly direct: DirectReturnOrder };

interface Waiting {
  readonly order: DirectOrder;
  readonly settle: (result: CheckResult) => void;
}

/**
 * Finds out whether members are set up for direct server return. All orders that are there at the beginning of a round are
 * looked into together; a round lasts a second or two, and the next one begins when it is over.
 */
export class DirectReturnChecker implements Checker {
  readonly #bootMs: () => number;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(bootMs: () => number) {
    this.#bootMs = bootMs;
  }

  async run(order: CheckOrder, signal: AbortSignal): Promise<CheckResult> {
    signal.throwIfAborted();
    const { direct } = order;
    if (direct === undefined) throw new TypeError('the order is not one for direct server return');
    if (this.#waiting.length >= WAITING_MAX) return resultOf(`${WAITING_MAX} wait already`, 0, true);
    const { promise, resolve, reject } = Promise.withResolvers<CheckResult>();
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#waiting.push({ order: { ...order, direct }, settle: resolve });
    if (!this.#running) this.#begin();
    return await promise.finally(() => signal.removeEventListener('abort', abort));
  }

  /** At the next turn of the loop: orders come together. */
  #begin(): void {
    this.#running = true;
    setImmediate(async () => {
      await this.#round(this.#take());
      this.#running = false;
      if (this.#waiting.length > 0) this.#begin();
    });
  }

  #take(): Waiting[] {
    let probes = 0;
    const fits = ({ order }: Waiting) => {
      probes += order.direct.addresses.length;
      return probes <= MEMBER_PROBES_MAX;
    };
    const end = this.#waiting.findIndex((each) => !fits(each));
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end);
  }

  async #round(waiting: readonly Waiting[]): Promise<void> {
    const startedMs = this.#bootMs();
    try {
      const results = await look(waiting.map(({ order }) => order));
      const latencyMs = this.#bootMs() - startedMs;
      for (const [index, { settle }] of waiting.entries()) settle({ ...results[index]!, latencyMs });
    } catch (error) {
      const reason = reasonOf(error);
      for (const { settle } of waiting) settle(resultOf(reason, this.#bootMs() - startedMs, true));
    }
  }
}

/** What is found out about each order. */
async function look(orders: readonly DirectOrder[]): Promise<CheckResult[]> {
  const hops = await hopsTo([...new Set(orders.map(({ address }) => address))]);
  const asked = orders.map((order) => probesOf(order, hops.get(order.address)));
  const evidence = await probeMembers(
    asked.flatMap((probes) => (typeof probes === 'string' ? [] : probes)),
    WINDOW_MS,
  );
  let next = 0;
  return asked.map((probes, index) => {
    if (typeof probes === 'string') return resultOf(probes, 0);
    const seen = evidence.slice(next, next + probes.length);
    next += probes.length;
    return judge(orders[index]!, seen);
  });
}

/** What is to be asked about a member; or the fault that keeps it from being asked anything. */
function probesOf({ address: member, port, check, direct }: DirectOrder, hop: Hop | undefined): MemberProbe[] | string {
  const source = hop && wayTo(member)?.source;
  if (!hop || !source) return text('member-unreachable', `no route leads to ${member}`);
  if (direct.dataPath === 'dsr-l2' && !hop.onLink) {
    return text('member-unreachable', `${member} is behind ${hop.gateway}, and not on a link of this node`);
  }
  if (isSilent(hop)) {
    return text('member-unreachable', `nobody on ${hop.device} answers for ${hop.gateway}`);
  }
  const { onLink, deviceIndex: device } = hop;
  const way = { device, deviceMac: bytesOf(hop.deviceMac), mac: bytesOf(hop.mac ?? ''), onLink, source, member };
  const protocol = PROTOCOL_NUMBERS[direct.protocol];
  const payload = (direct.protocol === 'udp' ? check.udp?.payload : undefined) ?? new Uint8Array();
  return direct.addresses.map((address) => ({ ...way, address, protocol, port, payload }));
}

/** By the first of its virtual addresses that something is wrong with. */
function judge({ address: member, port, direct }: DirectOrder, evidence: readonly MemberEvidence[]): CheckResult {
  const { protocol, addresses } = direct;
  for (const [index, seen] of evidence.entries()) {
    const fault = faultOf({ member, address: addresses[index]!, protocol, port }, seen);
    if (fault === null) continue;
    // Where questions or answers were lost, what is missing says nothing about the member.
    return seen.obstacle === null ? resultOf(fault, 0) : resultOf(seen.obstacle, 0, true);
  }
  return resultOf(null, 0);
}

function resultOf(reason: string | null, latencyMs: number, inconclusive = false): CheckResult {
  return { ok: reason === null, latencyMs, reason, ...(inconclusive ? { inconclusive: true as const } : {}) };
}

function bytesOf(mac: string): Uint8Array {
  return Uint8Array.from(mac === '' ? [] : mac.split(':'), (byte) => Number.parseInt(byte, 16));
}
