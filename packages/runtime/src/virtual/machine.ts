import { VirtualDisk } from './disk.js';
import { VirtualRuntime } from './runtime.js';
import type { VirtualWorld } from './world.js';

export interface VirtualMachineOptions {
  /** Names the machine; unique in its world. */
  readonly name: string;
  /** How wrong the wall clock is at the start, in milliseconds. Default 0. */
  readonly wallOffsetMs?: number;
  /** How much too fast both clocks run, in parts per million. Default 0. */
  readonly driftPpm?: number;
  /** How long the machine has been up when the world begins. Default: drawn, up to an hour. */
  readonly uptimeMs?: number;
}

/**
 * A machine of a virtual world: clocks, a disk, and the processes that run on it.
 *
 * Its boot clock begins anew at each `reboot`; its disk stays.
 */
export class VirtualMachine {
  readonly name: string;
  readonly world: VirtualWorld;
  readonly disk: VirtualDisk;
  readonly #processes = new Set<VirtualRuntime>();
  readonly #rate: number;
  #wallOffsetMs: number;
  /** How much faster the wall clock runs than the boot clock, as a factor of world time, and since when. */
  #wallRateExtra = 0;
  #wallRateSinceMs = 0;
  #bootOriginMs: number;
  #boots = 1;
  #started = 0;

  constructor(world: VirtualWorld, options: VirtualMachineOptions) {
    this.world = world;
    this.name = options.name;
    const random = world.randomStream(`machine/${options.name}`);
    this.disk = new VirtualDisk(world, random);
    this.#rate = 1 + (options.driftPpm ?? 0) / 1e6;
    this.#wallOffsetMs = options.wallOffsetMs ?? 0;
    this.#bootOriginMs = world.nowMs - (options.uptimeMs ?? random.integer(3_600_000)) / this.#rate;
  }

  /** Names the boot. */
  get bootId(): string {
    return `${this.name}/boot-${this.#boots}`;
  }

  /** World time at which the boot clock stood at 0. */
  get bootOriginMs(): number {
    return this.#bootOriginMs;
  }

  /** Starts a process. Each start has a stream of random numbers of its own. */
  start(name = 'process'): VirtualRuntime {
    this.#started += 1;
    const random = this.world.randomStream(`process/${this.name}/${name}/${this.#started}`);
    const runtime = new VirtualRuntime(this, name, random);
    this.#processes.add(runtime);
    runtime.onEnd(() => this.#processes.delete(runtime));
    return runtime;
  }

  /** Power off and on: all processes die, the boot clock begins at 0, the disk stays. */
  reboot(): void {
    for (const runtime of [...this.#processes]) runtime.kill();
    this.#boots += 1;
    this.#bootOriginMs = this.world.nowMs;
  }

  /** The machine sleeps: processes stop, and their boot clocks go on. */
  sleep(): void {
    for (const runtime of this.#processes) runtime.pause();
  }

  wake(): void {
    for (const runtime of this.#processes) runtime.resume();
  }

  /** Moves the wall clock, backwards if negative. */
  stepWallClock(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /**
   * Lets the wall clock alone run so much too fast from now on, in parts per million: a clock that is slewed, or disciplined
   * by a wrong source. What it gained so far stays; 0 ends it.
   */
  slewWallClock(ppm: number): void {
    this.#wallOffsetMs += this.#slewedMs();
    this.#wallRateSinceMs = this.world.nowMs;
    this.#wallRateExtra = ppm / 1e6;
  }

  wallMs(): number {
    return this.world.startWallMs + this.world.nowMs * this.#rate + this.#wallOffsetMs + this.#slewedMs();
  }

  /** Boot time at a world time, for the boot that began at `originMs`. */
  bootMsAt(worldMs: number, originMs: number): number {
    return (worldMs - originMs) * this.#rate;
  }

  /** World time at a boot time; never so early that the boot clock would read less than `bootMs` then. */
  worldMsAt(bootMs: number, originMs: number): number {
    let worldMs = originMs + bootMs / this.#rate;
    // Rounding may leave the quotient one unit in the last place short.
    while (Number.isFinite(worldMs) && this.bootMsAt(worldMs, originMs) < bootMs)
      worldMs += (Math.abs(worldMs) + 1) * 2 ** -51;
    return worldMs;
  }

  #slewedMs(): number {
    return (this.world.nowMs - this.#wallRateSinceMs) * this.#wallRateExtra;
  }
}
