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
}

/**
 * What runs on a node: production code, wired to the virtual world. Called for each start of the process; what it keeps
 * from one start to the next stands for nothing that a real process could keep.
 */
export type Program = (context: ProcessContext) => void | Promise<void>;

/** A machine with one program, which starts, dies, pauses and restarts. */
export class SimulatedNode {
  readonly name: string;
  readonly machine: VirtualMachine;
  readonly #simulation: Simulation;
  readonly #program: Program;
  #process: VirtualRuntime | null = null;

  /** Made by `Simulation.node`. */
  constructor(simulation: Simulation, options: VirtualMachineOptions, program: Program) {
    this.#simulation = simulation;
    this.#program = program;
    this.name = options.name;
    this.machine = new VirtualMachine(simulation.world, options);
  }

  /** The process that runs, or null. */
  get process(): VirtualRuntime | null {
    return this.#process;
  }

  get running(): boolean {
    return this.#process?.state === 'running';
  }

  /** Starts the process; does nothing if it is there. */
  start(): void {
    if (this.#process !== null) return;
    const runtime = this.machine.start(this.name);
    this.#process = runtime;
    const context: ProcessContext = {
      node: this,
      runtime,
      transport: this.#simulation.network.transport(runtime, this.name),
      observe: (observation) => this.#simulation.observe(observation),
      note: (what) => this.#simulation.observe({ kind: 'note', node: this.name, what }),
    };
    this.#simulation.observe({ kind: 'started', node: this.name });
    this.#simulation.world.entered();
    // A program that fails is a fault of ours, whatever happened to it.
    void Promise.resolve()
      .then(() => this.#program(context))
      .catch((error: unknown) => this.#simulation.fail(error));
  }

  /** Ends the process without a warning. */
  crash(): void {
    this.#process?.kill();
    this.#process = null;
  }

  /** Power off and on: the process dies, the boot clock begins anew. The process has to be started again. */
  reboot(): void {
    this.#process = null;
    this.machine.reboot();
  }

  pause(): void {
    this.#process?.pause();
  }

  resume(): void {
    this.#process?.resume();
  }
}
