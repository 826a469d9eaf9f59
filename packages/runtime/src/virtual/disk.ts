import { assertDiskName, DiskError } from '../disk-name.js';
import type { RandomStream } from './random-stream.js';
import type { VirtualWorld } from './world.js';

/** What a disk held at a moment; opaque. */
export type VirtualDiskSnapshot = ReadonlyMap<string, Uint8Array>;

/**
 * The medium of a virtual machine. Processes reach it through `VirtualRuntime.disk`.
 *
 * An operation takes `latencyMs` of virtual time, 0 for none. A replacement is on the medium when its promise resolves;
 * at a crash before that, the seed decides whether it got there. `tearAtCrash` breaks the promise of atomicity, as a
 * medium that lies about its flushes does: what was in flight then leaves a part of the new bytes.
 */
export class VirtualDisk {
  latencyMs = 0;
  tearAtCrash = false;
  /** While set, writes are refused with it, as on a full or read-only medium. */
  writeFailure: string | null = null;
  #files = new Map<string, Uint8Array>();
  readonly #inFlight = new Set<Replacement>();
  /** Files of which a replacement was refused, and none has succeeded since. */
  readonly #outdated = new Set<string>();
  /** The newest completed replacement, and what was there before. */
  #last: { readonly name: string; readonly before: Uint8Array | null } | null = null;
  readonly #world: VirtualWorld;
  readonly #random: RandomStream;

  constructor(world: VirtualWorld, random: RandomStream) {
    this.#world = world;
    this.#random = random;
  }

  /** Whether the medium lacks what somebody wanted on it: a write was refused, and no later one has made it good. */
  get outdated(): boolean {
    return this.#outdated.size > 0;
  }

  /** What is on the medium now. */
  snapshot(): VirtualDiskSnapshot {
    return new Map(this.#files);
  }

  /** Puts the medium back to an earlier state, as a restored backup does. */
  restore(snapshot: VirtualDiskSnapshot): void {
    this.#files = new Map(snapshot);
    this.#last = null;
  }

  /** Empties the medium. */
  lose(): void {
    this.#files.clear();
    this.#last = null;
  }

  /**
   * Takes back the newest completed replacement, as a medium does that lied about its flush: what was there before is
   * there again, or with `torn` a part of the new bytes. Returns the file's name, or null if there was no replacement.
   */
  spoilLastWrite(outcome: 'lost' | 'torn'): string | null {
    const last = this.#last;
    if (last === null) return null;
    this.#last = null;
    if (outcome === 'torn') this.tear(last.name);
    else if (last.before === null) this.#files.delete(last.name);
    else this.#files.set(last.name, last.before);
    return last.name;
  }

  /** Cuts a file of the medium at a random place; does nothing if it does not exist. */
  tear(name: string): void {
    const bytes = this.#files.get(name);
    if (bytes !== undefined) this.#files.set(name, bytes.slice(0, this.#random.integer(bytes.length)));
  }

  /** Decides what becomes of replacements in flight: called when power or process is lost. */
  crash(): void {
    for (const replacement of this.#inFlight) {
      if (!this.#random.chance(0.5)) continue;
      const { name, bytes } = replacement;
      this.#put(name, this.tearAtCrash ? bytes.slice(0, this.#random.integer(bytes.length + 1)) : bytes);
    }
    this.#inFlight.clear();
  }

  async read(name: string): Promise<Uint8Array | null> {
    assertDiskName(name);
    await this.#pause();
    return this.#files.get(name)?.slice() ?? null;
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    assertDiskName(name);
    const replacement: Replacement = { name, bytes: bytes.slice() };
    this.#inFlight.add(replacement);
    await this.#pause();
    // A crash has decided about it already.
    if (!this.#inFlight.delete(replacement)) return;
    this.#assertWritable(name);
    this.#put(name, replacement.bytes);
  }

  async remove(name: string): Promise<void> {
    assertDiskName(name);
    await this.#pause();
    this.#assertWritable(name);
    this.#files.delete(name);
  }

  async list(prefix: string): Promise<string[]> {
    await this.#pause();
    return [...this.#files.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  #put(name: string, bytes: Uint8Array): void {
    this.#outdated.delete(name);
    this.#last = { name, before: this.#files.get(name) ?? null };
    this.#files.set(name, bytes);
  }

  #assertWritable(name: string): void {
    if (this.writeFailure === null) return;
    this.#outdated.add(name);
    throw new DiskError('write-failed', `file ${JSON.stringify(name)} cannot be written: ${this.writeFailure}`);
  }

  #pause(): Promise<void> {
    if (this.latencyMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#world.schedule(this.#world.nowMs + this.latencyMs, () => {
        this.#world.entered();
        resolve();
      });
    });
  }
}

interface Replacement {
  readonly name: string;
  readonly bytes: Uint8Array;
}
