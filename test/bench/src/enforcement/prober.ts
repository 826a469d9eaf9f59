import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { preciseWallMs } from '@higgins/cli';

const INTERVAL_MS = 1;
/** A packet without an answer after this time was refused: an answer over a local link takes less than one. */
const ANSWER_MS_MAX = 200;

/** Where packets come from and go to. */
export interface ProbePath {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
}

/** When a verdict changed: between two packets, of which the second was the first to pass. */
export interface VerdictChange {
  /** When the first packet that passed was sent. */
  readonly firstPassedWallMs: number;
  /** When the packet before it was sent, which was refused. */
  readonly lastRefusedWallMs: number;
}

/** Sends numbered packets along a path, one each millisecond, and notes which are answered. */
export class Prober implements Disposable {
  readonly #socket: Socket;
  readonly #sentWallMs: number[] = [];
  readonly #answered: boolean[] = [];
  readonly #timer: NodeJS.Timeout;

  private constructor(socket: Socket, { destination, port }: ProbePath) {
    this.#socket = socket;
    socket.on('message', (bytes) => {
      if (bytes.length === 4) this.#answered[bytes.readUInt32BE(0)] = true;
    });
    this.#timer = setInterval(() => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(this.#sentWallMs.push(preciseWallMs()) - 1);
      // An error is a refusal, which the missing answer says as well.
      socket.send(bytes, port, destination, () => {});
    }, INTERVAL_MS);
  }

  /** Starts to send from `path.source`, which must be an IPv4 address of ours. */
  static async start(path: ProbePath): Promise<Prober> {
    const socket = createSocket('udp4');
    socket.on('error', () => {});
    socket.bind(0, path.source);
    await once(socket, 'listening');
    return new Prober(socket, path);
  }

  /**
   * Waits for a packet that passes. Throws Error if the first one passed already, if none has by `untilWallMs`, or if a
   * later one was refused again.
   */
  async firstPassed(untilWallMs: number): Promise<VerdictChange> {
    let first = this.#answered.indexOf(true);
    while (first < 0 && preciseWallMs() < untilWallMs) {
      await pause(ANSWER_MS_MAX / 4);
      first = this.#answered.indexOf(true);
    }
    if (first < 0) throw new Error('no packet has passed in time');
    if (first === 0) throw new Error('the first packet has passed, expected it to be refused');
    await pause(ANSWER_MS_MAX);
    const decided = this.#sentWallMs.findIndex((sent) => sent > preciseWallMs() - ANSWER_MS_MAX);
    for (let index = first; index < decided; index++) {
      if (!this.#answered[index]) throw new Error(`packet ${index - first} after the first that passed was refused`);
    }
    return { firstPassedWallMs: this.#sentWallMs[first]!, lastRefusedWallMs: this.#sentWallMs[first - 1]! };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
