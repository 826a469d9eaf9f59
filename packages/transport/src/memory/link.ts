import type { RandomStream, VirtualRuntime, VirtualWorld } from '@higgins/runtime';

/** One direction between two hosts. */
export interface LinkOptions {
  /** Fixed delay of one way. Default 1. */
  readonly latencyMs: number;
  /** Up to so much is added at random. Default 0. */
  readonly jitterMs: number;
  /** Default: no limit. */
  readonly bytesPerSecond: number;
  /** Share of packets that are lost, 0 to 1: streams are late by the retransmission, datagrams are gone. Default 0. */
  readonly lossRate: number;
  /** Share of packets that others overtake, 0 to 1. Default 0. */
  readonly reorderRate: number;
  /** Bytes of a packet. Default 1350. */
  readonly mtuBytes: number;
}

/** Anything that has packets to send when the link is free again. */
export interface LinkSender {
  transmit(): void;
}

export const DEFAULT_LINK: LinkOptions = {
  latencyMs: 1,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  lossRate: 0,
  reorderRate: 0,
  mtuBytes: 1350,
};

/** Bytes that leave in one go: on a slow link little, so that a more urgent stream soon gets its turn. */
const BURST_BYTES_FAST = 64 * 1024;
const BURST_PACKETS_SLOW = 4;
/** The least time after which a sender takes a packet for lost. */
const RETRANSMIT_MS_MIN = 25;
/**
 * Any acknowledgement of a connection ends the back-off of its retransmissions (RFC 9002 §6.2.1), and keep-alives see to
 * one every second or so: a stream does not stay silent for long after the loss has ended.
 */
const RETRANSMIT_MS_MAX = 2_000;
const RETRANSMISSIONS_MAX = 20;
/** How long after a partition healed a sender may need to try again: probes become rarer the longer it lasted. */
const RECOVERY_MS_MAX = 1000;
/** How many probe time-outs a sender takes to find out that packets of its size pass no more (RFC 8899 section 5.1.2). */
const BLACK_HOLE_PROBES = 3;
/** Datagrams wait no longer than this for a busy link: later they are worth less than newer ones. */
const DATAGRAM_WAIT_MS_MAX = 100;

/** One direction between two hosts: delays, loses, reorders and holds back what is sent over it. */
export class Link {
  readonly from: string;
  readonly to: string;
  readonly #world: VirtualWorld;
  readonly #random: RandomStream;
  readonly #waiting: LinkSender[] = [];
  #options: LinkOptions;
  #blockedSinceMs: number | null = null;
  #held: Held[] = [];
  /** Nothing arrives earlier: what a partition held back comes first. */
  #arrivalMsMin = 0;
  /** The same for what streams send: what was too large is sent again. */
  #streamArrivalMsMin = 0;
  #freeAtMs = 0;
  #wakeScheduled = false;

  constructor(world: VirtualWorld, from: string, to: string, options: LinkOptions) {
    this.#world = world;
    this.from = from;
    this.to = to;
    this.#options = options;
    this.#random = world.randomStream(`link/${from}/${to}`);
  }

  get options(): LinkOptions {
    return this.#options;
  }

  /** Changes options; what is under way keeps its time of arrival. */
  configure(options: Partial<LinkOptions>): void {
    this.#options = { ...this.#options, ...options };
  }

  /**
   * Changes the size of packets that pass. When it shrinks, what streams send is lost until the sender has found out,
   * three probe time-outs later; small frames and small datagrams pass all the time.
   */
  setMtu(bytes: number): void {
    if (bytes < this.#options.mtuBytes) {
      const { latencyMs, jitterMs } = this.#options;
      const probeMs = Math.max(2 * latencyMs + 4 * jitterMs, RETRANSMIT_MS_MIN);
      this.#streamArrivalMsMin = this.#world.nowMs + BLACK_HOLE_PROBES * probeMs + latencyMs;
    }
    this.configure({ mtuBytes: bytes });
  }

  /** World time since when nothing passes, or null. */
  get blockedSinceMs(): number | null {
    return this.#blockedSinceMs;
  }

  /** Lets nothing pass from now on; what is under way arrives. */
  block(): void {
    this.#blockedSinceMs ??= this.#world.nowMs;
  }

  /** Lets everything pass again; what streams sent meanwhile is retransmitted. */
  unblock(): void {
    if (this.#blockedSinceMs === null) return;
    const outageMs = this.#world.nowMs - this.#blockedSinceMs;
    this.#blockedSinceMs = null;
    const recoveryMs = this.#random.next() * Math.min(outageMs, RECOVERY_MS_MAX);
    this.#arrivalMsMin = Math.max(this.#arrivalMsMin, this.#world.nowMs + recoveryMs + this.#options.latencyMs);
    const held = this.#held;
    this.#held = [];
    for (const packet of held) this.#schedule(Math.max(this.#arrivalMsMin, packet.notBeforeMs), packet.to, packet.run);
  }

  /** Whether packets of one stream can arrive in another order than they were sent: then streams share no packets. */
  get impaired(): boolean {
    const { jitterMs, lossRate, reorderRate } = this.#options;
    return jitterMs > 0 || lossRate > 0 || reorderRate > 0;
  }

  get burstBytes(): number {
    const { bytesPerSecond, mtuBytes } = this.#options;
    return bytesPerSecond === Number.POSITIVE_INFINITY ? BURST_BYTES_FAST : BURST_PACKETS_SLOW * mtuBytes;
  }

  /** Whether a sender may send now; if not, its `transmit` is called when it may. */
  admit(sender: LinkSender): boolean {
    if (this.#freeAtMs <= this.#world.nowMs && this.#waiting.length === 0) return true;
    if (!this.#waiting.includes(sender)) this.#waiting.push(sender);
    this.#scheduleWake();
    return false;
  }

  /** Sends reliably; returns the time of arrival, at least `notBeforeMs`, or `notBeforeMs` if a partition holds it back. */
  send(bytes: number, notBeforeMs: number, to: VirtualRuntime, run: () => void): number {
    const departureMs = this.#occupy(bytes);
    if (this.#blockedSinceMs !== null) {
      this.#held.push({ notBeforeMs, to, run });
      return notBeforeMs;
    }
    const arrivalMs = departureMs + this.#delayMs() + this.#retransmissionMs(bytes);
    return this.#schedule(Math.max(arrivalMs, notBeforeMs, this.#streamArrivalMsMin), to, run);
  }

  /** Sends an acknowledgement or another small frame: it is repeated until it gets through, and takes no bandwidth. */
  sendControl(to: VirtualRuntime | null, run: () => void): void {
    if (this.#blockedSinceMs !== null) this.#held.push({ notBeforeMs: 0, to, run });
    else this.#schedule(this.#world.nowMs + this.#delayMs(), to, run);
  }

  /** Sends at most once; returns false if it is too large or the link is too busy. */
  sendDatagram(bytes: number, to: VirtualRuntime, run: () => void): boolean {
    if (bytes > this.#options.mtuBytes || this.#freeAtMs - this.#world.nowMs > DATAGRAM_WAIT_MS_MAX) return false;
    const departureMs = this.#occupy(bytes);
    if (this.#blockedSinceMs !== null || this.#random.chance(this.#options.lossRate)) return true;
    this.#schedule(departureMs + this.#delayMs(), to, run);
    return true;
  }

  #occupy(bytes: number): number {
    const { bytesPerSecond } = this.#options;
    const startMs = Math.max(this.#freeAtMs, this.#world.nowMs);
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return startMs;
    this.#freeAtMs = startMs + (bytes / bytesPerSecond) * 1000;
    return this.#freeAtMs;
  }

  #delayMs(): number {
    const { latencyMs, jitterMs, reorderRate } = this.#options;
    let delayMs = latencyMs;
    if (jitterMs > 0) delayMs += this.#random.next() * jitterMs;
    if (this.#random.chance(reorderRate)) delayMs += this.#random.next() * (latencyMs + jitterMs);
    return delayMs;
  }

  /** What loss costs: a round trip until it is noticed, twice that for the next try. */
  #retransmissionMs(bytes: number): number {
    const { latencyMs, jitterMs, lossRate, mtuBytes } = this.#options;
    if (lossRate <= 0) return 0;
    const packets = Math.max(1, Math.ceil(bytes / mtuBytes));
    let delayMs = 0;
    let timeoutMs = Math.max(2 * latencyMs + 4 * jitterMs, RETRANSMIT_MS_MIN);
    let probability = 1 - (1 - lossRate) ** packets;
    for (let tries = 0; tries < RETRANSMISSIONS_MAX && this.#random.chance(probability); tries++) {
      delayMs += timeoutMs;
      timeoutMs = Math.min(2 * timeoutMs, RETRANSMIT_MS_MAX);
      probability = lossRate;
    }
    return delayMs;
  }

  #schedule(arrivalMs: number, to: VirtualRuntime | null, run: () => void): number {
    const atMs = Math.max(arrivalMs, this.#arrivalMsMin);
    this.#world.schedule(atMs, to === null ? run : () => to.deliver(run));
    return atMs;
  }

  /** One sender at a time, each in turn. */
  #scheduleWake(): void {
    if (this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    this.#world.schedule(this.#freeAtMs, () => {
      this.#wakeScheduled = false;
      const sender = this.#waiting.shift();
      const others = this.#waiting.splice(0);
      sender?.transmit();
      this.#waiting.unshift(...others);
      if (this.#waiting.length > 0) this.#scheduleWake();
    });
  }
}

interface Held {
  readonly notBeforeMs: number;
  readonly to: VirtualRuntime | null;
  readonly run: () => void;
}
