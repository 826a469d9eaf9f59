import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { preciseWallMs } from '../wall-clock.js';

/** What the network does with packets from one address to one service. */
export type Verdict = 'passes' | 'refused';

/** Where packets come from and go to. */
export interface ProbePath {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
}

/** A change of verdict to watch for. */
export interface ExpectedChange {
  readonly id: string;
  readonly path: ProbePath;
  readonly to: Verdict;
  /** When to give up (wall clock, ms). */
  readonly untilWallMs: number;
}

/** Time between two probes of a series, so that even a late timer keeps them below 5 ms apart. */
const PROBE_INTERVAL_MS = 1;
/**
 * A packet that has no answer after this time counts as refused. An answer over a local link takes less than a
 * millisecond, but on a busy machine the program that gives it may have to wait for its turn.
 */
const ANSWER_MS_MAX = 1_000;
/** How long a new verdict has to last to count, beyond the time in which answers may come. */
const SETTLED_MS = 300;
const SINGLE_PROBES = 5;

interface Sent {
  readonly wallMs: number;
  answered: boolean;
}

/** Sends numbered packets along one path and notes which are answered. */
export class Probe implements AsyncDisposable {
  readonly #path: ProbePath;
  readonly #socket: Socket;
  readonly #sent: Sent[] = [];

  private constructor(path: ProbePath, socket: Socket) {
    this.#path = path;
    this.#socket = socket;
    socket.on('message', (bytes) => {
      const sent = bytes.length >= 4 ? this.#sent[bytes.readUInt32BE(0)] : undefined;
      if (sent) sent.answered = true;
    });
    // A rejected packet comes back as an ICMP error on the next call; the missing answer says the same.
    socket.on('error', () => {});
  }

  static async open(path: ProbePath): Promise<Probe> {
    const socket = createSocket(path.source.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, path.source);
    await once(socket, 'listening');
    return new Probe(path, socket);
  }

  /** Sends a few packets: all answered, or none; anything else is an error, since no change is under way. */
  async verdict(): Promise<Verdict> {
    const from = this.#sent.length;
    for (let count = 0; count < SINGLE_PROBES; count++) this.#send();
    await waitUntil(() => this.#sent.slice(from).every((sent) => sent.answered), ANSWER_MS_MAX);
    const answered = this.#sent.slice(from).filter((sent) => sent.answered).length;
    if (answered !== 0 && answered !== SINGLE_PROBES) {
      throw new Error(`${answered} of ${SINGLE_PROBES} packets from ${this.#path.source} passed: expected all or none`);
    }
    return answered === 0 ? 'refused' : 'passes';
  }

  /**
   * Sends packets a millisecond apart until the verdict has become `to` and has stayed so for a while.
   *
   * @returns when the first packet with the new verdict was sent (wall clock, ms), and how long before it the last one
   *   with the old verdict: the change lies between the two
   * @throws Error if the verdict has not changed by `untilWallMs`
   */
  async waitForChange({ to, untilWallMs }: ExpectedChange): Promise<{ changedWallMs: number; pauseMs: number }> {
    const from = this.#sent.length;
    let settledAt = -1;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        this.#send();
        settledAt = this.#firstOfRun(from, to);
        const settled = settledAt >= 0 && preciseWallMs() - this.#sent[settledAt]!.wallMs > ANSWER_MS_MAX + SETTLED_MS;
        if (!settled && preciseWallMs() < untilWallMs) return;
        clearInterval(timer);
        resolve();
      }, PROBE_INTERVAL_MS);
    });
    if (settledAt < 0) throw new Error(`packets from ${this.#path.source} did not come to be ${to} in time`);
    const changedWallMs = this.#sent[settledAt]!.wallMs;
    const before = this.#sent[settledAt - 1];
    if (settledAt === from || !before) throw new Error(`packets from ${this.#path.source} were ${to} from the start`);
    return { changedWallMs, pauseMs: changedWallMs - before.wallMs };
  }

  /** Index of the first packet of the unbroken run of `verdict` that reaches to the newest decided packet; -1 if none. */
  #firstOfRun(from: number, verdict: Verdict): number {
    const decidedBefore = preciseWallMs() - ANSWER_MS_MAX;
    let first = -1;
    for (let index = this.#sent.length - 1; index >= from; index--) {
      const sent = this.#sent[index]!;
      if (!sent.answered && sent.wallMs > decidedBefore) continue;
      if (sent.answered !== (verdict === 'passes')) break;
      first = index;
    }
    return first;
  }

  #send(): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#sent.length, 0);
    this.#sent.push({ wallMs: preciseWallMs(), answered: false });
    this.#socket.send(bytes, this.#path.port, this.#path.destination, () => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}

/** Opens a probe, asks once and closes it. */
export async function verdictOf(path: ProbePath): Promise<Verdict> {
  await using probe = await Probe.open(path);
  return await probe.verdict();
}

async function waitUntil(holds: () => boolean, boundMs: number): Promise<void> {
  const end = preciseWallMs() + boundMs;
  while (!holds() && preciseWallMs() < end) await new Promise((resolve) => setTimeout(resolve, 1));
}
