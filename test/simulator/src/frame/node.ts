import { VirtualMachine, type VirtualMachineOptions, type VirtualRuntime } from '@higgins/runtime';
import type { MemoryTransport } from '@higgins/transport';
import type { Observation } from './observation.js';
import type { Simulation } from './simulation.js';

/** What a program is given when its process starts. */
export interface ProcessContext {
  readonly node: SimulatedNode;
  readonly runtime: VirtualRuntime;
  readonly transport: MemoryTransport;
  observe(observation: Observation): void;
  note(what: string): void;
  /** The program has met a fault of its own: the run fails with it. */
  fail(error: unknown): void;
  /** A transition of a part of the program (`relay`, `session`, `client`, …) took place, for the table of coverage. */
  mark(part: string, transition: string): void;
  /** The same for counters of the program, but for those named: their growth tells of transitions. */
  watch(part: string, counters: object, except?: readonly string[]): void;
  /** A production part that runs in this process (a relay, a client), for invariants that look at its own state. */
  show(part: object): void;
}

/** What a node is beside its machine. */
export interface NodeOptions extends VirtualMachineOptions {
  /** It is started by a fault that names it, and by nothing else. Default false. */
  readonly standsBy?: boolean;
  /**
   * Errors of the program with which its process exits, as the binary does; its service manager starts it again a second
   * later. Default: none, every error is a fault of the program.
   */
  exitsOn?(error: unknown): boolean;
}

/** When a service manager starts a process again that has exited. */
const RESTART_MS = 1000;

/**
 * What runs on a node: production code, wired to the virtual world. Called for each start of the process; what it keeps
 * from one start to the next stands for nothing that a real process could keep.
 */
export type Program = (context: ProcessContext) => void | Promise<void>;

/** What a program drives beside the network and outlives it, such as a kernel, as faults see it. */
export interface FaultyTarget {
  /** Why transactions are refused; null: they are taken. */
  refusal: string | null;
  /** How much longer than usual transactions take. */
  delayMs: number;
  /** Somebody else empties it. */
  flush(): void;
}

/** What a program offers to others, as faults see it. */
export interface FaultyService {
  /** Whether it takes what comes, or refuses it. */
  serving: boolean;
}

/** A machine with one program, which starts, dies, pauses and restarts. */
export class SimulatedNode {
  readonly name: string;
  readonly machine: VirtualMachine;
  /** It is started by a fault that names it, and by nothing else. */
  readonly standsBy: boolean;
  /** Null where there is nothing of the kind. */
  target: FaultyTarget | null = null;
  service: FaultyService | null = null;
  readonly #simulation: Simulation;
  readonly #program: Program;
  readonly #exitsOn: (error: unknown) => boolean;
  #process: VirtualRuntime | null = null;
  #restart: Disposable | null = null;
  #parts: object[] = [];

  /** Made by `Simulation.node`. */
  constructor(simulation: Simulation, options: NodeOptions, program: Program) {
    this.#simulation = simulation;
    this.#program = program;
    this.name = options.name;
    this.standsBy = options.standsBy ?? false;
    this.#exitsOn = (error) => options.exitsOn?.(error) ?? false;
    this.machine = new VirtualMachine(simulation.world, options);
  }

  /** The process that runs, or null. */
  get process(): VirtualRuntime | null {
    return this.#process;
  }

  /** What the process that runs has shown; empty while there is none. */
  get parts(): readonly object[] {
    return this.#process === null ? [] : this.#parts;
  }

  get running(): boolean {
    return this.#process?.state === 'running';
  }

  /** Starts the process; does nothing if it is there. */
  start(): void {
    if (this.#process !== null) return;
    this.#forgetRestart();
    const runtime = this.machine.start(this.name);
    this.#process = runtime;
    this.#parts = [];
    const context = this.#context(runtime);
    this.#simulation.observe({ kind: 'started', node: this.name });
    this.#simulation.world.entered();
    // A program that fails is a fault of ours, whatever happened to it.
    void Promise.resolve()
      .then(() => this.#program(context))
      .catch((error: unknown) => {
        if (this.#exitsOn(error)) this.#exit(runtime, error);
        else this.#simulation.fail(error);
      });
  }

  /** Ends the process without a warning. */
  crash(): void {
    this.#forgetRestart();
    this.#process?.kill();
    this.#process = null;
  }

  /** Power off and on: the process dies, the boot clock begins anew. The process has to be started again. */
  reboot(): void {
    this.#forgetRestart();
    this.#process = null;
    this.machine.reboot();
  }

  /** Has what can be drained send everybody away, for so long at most; then the process ends. */
  drain(timeoutMs: number): void {
    const runtime = this.#process;
    const drained = this.parts.filter(isDrainable).map((part) => part.drain(timeoutMs));
    void Promise.all(drained).then(() => {
      if (this.#process === runtime) this.crash();
    });
  }

  pause(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }

  #exit(runtime: VirtualRuntime, error: unknown): void {
    if (this.#process !== runtime) return;
    this.crash();
    const { world } = this.#simulation;
    this.#simulation.observe({ kind: 'note', node: this.name, what: `exited: ${String(error)}` });
    this.#restart = world.schedule(world.nowMs + RESTART_MS, () => this.start());
  }

  #forgetRestart(): void {
    this.#restart?.[Symbol.dispose]();
    this.#restart = null;
  }

  #context(runtime: VirtualRuntime): ProcessContext {
    const { world, network, coverage } = this.#simulation;
    return {
      node: this,
      runtime,
      transport: network.transport(runtime, this.name),
      observe: (observation) => this.#simulation.observe(observation),
      note: (what) => this.#simulation.observe({ kind: 'note', node: this.name, what }),
      fail: (error) => this.#simulation.fail(error),
      mark: (part, transition) => coverage.mark(part, transition, world.nowMs),
      watch: (part, counters, except) => coverage.watch(part, counters, except),
      show: (part) => {
        if (this.#process === runtime) this.#parts.push(part);
      },
    };
  }
}

function isDrainable(part: object): part is { drain(timeoutMs: number): Promise<void> } {
  return 'drain' in part && typeof part.drain === 'function';
}
