import type { VirtualMachine } from '@higgins/runtime';

/** What one list is in a kernel. */
export interface EnforcedList {
  readonly group: number;
  readonly version: number;
  /** On the boot clock of the machine; null if it has no end. */
  readonly deadlineBootMs: number | null;
}

/**
 * The part of a PoP's kernel that enforces lists: it outlives the agent, takes a list off at its deadline by itself, and
 * forgets everything at a reboot. Others than the agent may change it.
 */
export class VirtualKernel {
  /** Why the next transactions are refused; null: they are taken. */
  refusal: string | null = null;
  /** How much longer than usual transactions take. */
  delayMs = 0;
  readonly #machine: VirtualMachine;
  readonly #lists = new Map<string, EnforcedList>();
  #bootId: string;
  #generation = 1;

  constructor(machine: VirtualMachine) {
    this.#machine = machine;
    this.#bootId = machine.bootId;
  }

  /** Rises with every change, whoever makes it; begins anew at a reboot. */
  get generation(): number {
    this.#forgetAfterReboot();
    return this.#generation;
  }

  /** Puts a list in force, whole, in the place of the one before. */
  enforce(track: string, list: EnforcedList): void {
    this.#forgetAfterReboot();
    this.#lists.set(track, list);
    this.#generation += 1;
  }

  /** Somebody else removes everything. */
  flush(): void {
    this.#lists.clear();
    this.#generation += 1;
  }

  /** What is in force now; null before the first value and after the deadline. */
  inForce(track: string): EnforcedList | null {
    this.#forgetAfterReboot();
    const list = this.#lists.get(track);
    if (list === undefined) return null;
    return list.deadlineBootMs === null || list.deadlineBootMs > this.bootMs() ? list : null;
  }

  /** Everything that stands in the kernel, in force or not. */
  lists(): ReadonlyMap<string, EnforcedList> {
    this.#forgetAfterReboot();
    return this.#lists;
  }

  bootMs(): number {
    return this.#machine.bootMsAt(this.#machine.world.nowMs, this.#machine.bootOriginMs);
  }

  #forgetAfterReboot(): void {
    if (this.#bootId === this.#machine.bootId) return;
    this.#bootId = this.#machine.bootId;
    this.#lists.clear();
    this.#generation = 1;
  }
}
