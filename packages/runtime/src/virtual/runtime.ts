import type { Disk, Runtime } from '../runtime.js';
import type { VirtualMachine } from './machine.js';
import type { RandomStream } from './random-stream.js';
import type { VirtualWorld } from './world.js';

/** `paused`: stopped by a signal or asleep; `dead`: for good. */
export type ProcessState = 'running' | 'paused' | 'dead';

/**
 * One process of a virtual machine, as the code in it sees the world.
 *
 * After `kill` its timers never fire and its disk operations never settle, so that nothing of the old process goes on;
 * what it had in flight is decided by the disk. While paused, timers and arrivals wait, and come in their order when
 * it goes on.
 */
export class VirtualRuntime implements Runtime {
  readonly name: string;
  readonly bootId: string;
  readonly disk: Disk;
  readonly world: VirtualWorld;
  readonly machine: VirtualMachine;
  readonly #random: RandomStream;
  readonly #bootEpoch: number;
  readonly #waiting: (() => void)[] = [];
  readonly #ended: (() => void)[] = [];
  #state: ProcessState = 'running';
  #changedAtMs: number;
  #ranAtStep = -1;

  /** Made by `VirtualMachine.start`. */
  constructor(machine: VirtualMachine, name: string, random: RandomStream) {
    this.machine = machine;
    this.world = machine.world;
    this.name = name;
    this.bootId = machine.bootId;
    this.#bootEpoch = machine.bootOriginMs;
    this.#random = random;
    this.#changedAtMs = this.world.nowMs;
    this.disk = guardedDisk(this);
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** World time of the last change of `state`. */
  get changedAtMs(): number {
    return this.#changedAtMs;
  }

  /** The step of the world in which its code was called last, -1 before; promises may have gone on after that. */
  get ranAtStep(): number {
    return this.#ranAtStep;
  }

  bootMs(): number {
    return this.machine.bootMsAt(this.world.nowMs, this.#bootEpoch);
  }

  wallMs(): number {
    return this.machine.wallMs();
  }

  random(): number {
    return this.#random.next();
  }

  at(bootMs: number, run: () => void): Disposable {
    let pending = true;
    const event = this.world.schedule(this.machine.worldMsAt(bootMs, this.#bootEpoch), () => {
      this.enter(() => {
        if (!pending) return;
        pending = false;
        run();
      });
    });
    return {
      [Symbol.dispose]() {
        pending = false;
        event[Symbol.dispose]();
      },
    };
  }

  /** Calls code of this process from a step of the world: now, when it goes on, or never. */
  enter(run: () => void): void {
    this.world.entered();
    this.deliver(run);
  }

  /** The same for parts of the world that act on the process's behalf, and tell `world.entered` when they call its code. */
  deliver(run: () => void): void {
    if (this.#state === 'dead') return;
    if (this.#state === 'paused' || this.#waiting.length > 0) {
      this.#waiting.push(run);
      return;
    }
    this.#ranAtStep = this.world.steps;
    run();
  }

  /** Calls `ended` when the process dies: for the parts of the world that hold something on its behalf. */
  onEnd(ended: () => void): void {
    this.#ended.push(ended);
  }

  /** Stops the process (SIGSTOP, or the machine sleeps). */
  pause(): void {
    if (this.#state !== 'running') return;
    this.#change('paused');
  }

  /** Lets it go on; what waited comes first, in a step of the world each. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#change('running');
    this.#wake();
  }

  /** Ends the process without a warning (SIGKILL, power loss). */
  kill(): void {
    if (this.#state === 'dead') return;
    this.#change('dead');
    this.#waiting.length = 0;
    this.machine.disk.crash();
    for (const ended of this.#ended) ended();
  }

  /** One waiting call per step, so that a pause in the middle keeps the rest. */
  #wake(): void {
    if (this.#waiting.length === 0) return;
    this.world.schedule(this.world.nowMs, () => {
      if (this.#state !== 'running') return;
      const run = this.#waiting.shift();
      this.#wake();
      this.world.entered();
      this.#ranAtStep = this.world.steps;
      run?.();
    });
  }

  #change(state: ProcessState): void {
    this.#state = state;
    this.#changedAtMs = this.world.nowMs;
  }
}

/** The machine's disk as one process sees it: what it asked for settles while it runs, later when paused, else never. */
function guardedDisk(runtime: VirtualRuntime): Disk {
  const guard = <Value>(start: () => Promise<Value>): Promise<Value> =>
    new Promise((resolve, reject) => {
      if (runtime.state === 'dead') return;
      start().then(
        (value) => runtime.enter(() => resolve(value)),
        (error: unknown) => runtime.enter(() => reject(error)),
      );
    });
  const { disk } = runtime.machine;
  return {
    read: (name) => guard(() => disk.read(name)),
    replace: (name, bytes) => guard(() => disk.replace(name, bytes)),
    remove: (name) => guard(() => disk.remove(name)),
    list: (prefix) => guard(() => disk.list(prefix)),
  };
}
