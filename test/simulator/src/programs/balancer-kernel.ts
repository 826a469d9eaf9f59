import type { DesiredBalancer, DesiredService, MemberCounters } from '@higgins/agent/portable';
import { type Flow, FlowPredictor, memberAt } from '@higgins/balancing';
import type { VirtualMachine } from '@higgins/runtime';

/** A flow that connection tracking has: it stays with its member whatever becomes of the slots. */
export interface TrackedFlow {
  readonly service: string;
  readonly member: string;
  /** Where the member was when the flow began. */
  readonly address: string;
}

/** A service as it is in the kernel. */
interface InForce {
  readonly service: DesiredService;
  /** Everything of it, to compare it with others. */
  readonly text: string;
  /** Null where members take turns. */
  readonly predictor: FlowPredictor | null;
  turns: number;
}

/**
 * The part of a node's kernel that balances: slots, members, connection tracking and counters. It goes on without its
 * process, and forgets everything at a reboot. Others than the process may change it.
 */
export class VirtualDataPath {
  /** Why the next transactions are refused; null: they are taken. */
  refusal: string | null = null;
  /** How much longer than usual transactions take. */
  delayMs = 0;
  readonly #machine: VirtualMachine;
  readonly #services = new Map<string, InForce>();
  readonly #flows = new Map<number, TrackedFlow>();
  readonly #counters = new Map<string, Map<string, Mutable<MemberCounters>>>();
  #bootId: string;
  #generation = 1;
  #nextFlow = 1;

  constructor(machine: VirtualMachine) {
    this.#machine = machine;
    this.#bootId = machine.bootId;
  }

  /** Flows that were sent to a member so far. */
  get flowsMade(): number {
    return this.#nextFlow - 1;
  }

  /** Rises with every change, whoever makes it, also over reboots. */
  get generation(): number {
    this.#forgetAfterReboot();
    return this.#generation;
  }

  /** What is in force, in the order in which it came. */
  *services(): Iterable<DesiredService> {
    this.#forgetAfterReboot();
    for (const { service } of this.#services.values()) yield service;
  }

  service(id: string): DesiredService | null {
    this.#forgetAfterReboot();
    return this.#services.get(id)?.service ?? null;
  }

  /** Services that are not as `desired` says. */
  differences({ services }: DesiredBalancer): string[] {
    this.#forgetAfterReboot();
    const wanted = new Map(services.map((service) => [service.id, service]));
    const gone = [...this.#services.keys()].filter((id) => !wanted.has(id));
    const others = services.filter((service) => this.#services.get(service.id)?.text !== textOf(service));
    return [...gone, ...others.map(({ id }) => id)];
  }

  /** One transaction: everything is as desired, or, if it throws, as it was. */
  replace({ services }: DesiredBalancer): void {
    this.#forgetAfterReboot();
    if (this.refusal !== null) throw new Error(this.refusal);
    const before = new Map(this.#services);
    this.#services.clear();
    for (const service of services) {
      const known = before.get(service.id);
      const text = textOf(service);
      this.#services.set(service.id, known?.text === text ? known : inForce(service, text));
    }
    for (const id of this.#counters.keys()) if (!this.#services.has(id)) this.#counters.delete(id);
    this.#generation += 1;
  }

  /** Somebody removes everything but the flows. */
  flush(): void {
    this.#services.clear();
    this.#counters.clear();
    this.#generation += 1;
  }

  /** A first packet: who serves it, as the kernel's rules choose. Null if nobody does, or no service takes it. */
  connect(service: string, flow: Flow): { readonly id: number; readonly address: string } | null {
    this.#forgetAfterReboot();
    const known = this.#services.get(service);
    if (known === undefined) return null;
    const { table, members } = known.service;
    const slot =
      known.predictor === null ? known.turns++ % Math.max(table.slots.length, 1) : known.predictor.slotOf(flow);
    const member = memberAt(table, slot);
    const address = member === null ? undefined : members.get(member)?.address;
    if (member === null || address === undefined) return null;
    const id = this.#nextFlow++;
    this.#flows.set(id, { service, member, address });
    const counters = this.countersOf(service, member);
    counters.packets += 1;
    counters.flows += 1;
    counters.opened += 1;
    return { id, address };
  }

  /** The member answered the first packet of a flow, or refused it. */
  answer(id: number, kind: 'answered' | 'refused'): void {
    this.#forgetAfterReboot();
    const flow = this.#flows.get(id);
    if (flow === undefined || !this.#services.has(flow.service)) return;
    this.countersOf(flow.service, flow.member)[kind] += 1;
  }

  /** A flow is over. */
  end(id: number): void {
    this.#flows.delete(id);
  }

  /** Flows of a member at an address; with `cut`, they end. */
  flowsOf(service: string, member: string, address: string | undefined, cut = false): number {
    this.#forgetAfterReboot();
    let count = 0;
    for (const [id, flow] of this.#flows) {
      if (flow.service !== service || flow.member !== member || flow.address !== address) continue;
      count += 1;
      if (cut) this.#flows.delete(id);
    }
    return count;
  }

  countersOf(service: string, member: string): Mutable<MemberCounters> {
    let counters = this.#counters.get(service);
    if (counters === undefined) {
      counters = new Map();
      this.#counters.set(service, counters);
    }
    let counted = counters.get(member);
    if (counted === undefined) {
      counted = { packets: 0, bytes: 0, flows: 0, opened: 0, answered: 0, refused: 0 };
      counters.set(member, counted);
    }
    return counted;
  }

  #forgetAfterReboot(): void {
    if (this.#bootId === this.#machine.bootId) return;
    this.#bootId = this.#machine.bootId;
    this.#services.clear();
    this.#flows.clear();
    this.#counters.clear();
    this.#generation += 1;
  }
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

function inForce(service: DesiredService, text: string): InForce {
  const { choice } = service;
  return { service, text, predictor: choice.kind === 'hash' ? new FlowPredictor(choice) : null, turns: 0 };
}

function textOf({ members, table, ...rest }: DesiredService): string {
  return JSON.stringify([rest, [...members], table.members, table.slots.join()]);
}
