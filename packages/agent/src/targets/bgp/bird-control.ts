import { createConnection, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** One reply of BIRD's: the code of its last line, and the text of all. */
export interface BirdReply {
  /** 0 to 999: done; 1000 to 1999: a table; 8000 to 9999: refused. */
  readonly code: number;
  readonly lines: readonly string[];
}

/** BIRD does not answer, or refuses. */
export class BirdError extends Error {
  override readonly name = 'BirdError';
  readonly code: 'unavailable' | 'refused';
  constructor(code: 'unavailable' | 'refused', message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A table of a hundred thousand routes is some 10 MB; nothing that is asked for here comes near that. */
const REPLY_CHARACTERS_MAX = 4 * 1024 * 1024;

/**
 * Sends one command to BIRD's control socket and resolves to the reply.
 *
 * @throws BirdError `unavailable` naming the socket if nobody answers within `timeoutMs`; `refused` with BIRD's words
 */
export async function askBird(socketPath: string, command: string, timeoutMs: number): Promise<BirdReply> {
  const unavailable = (reason: string, cause?: unknown) =>
    new BirdError('unavailable', `BIRD at ${socketPath}: ${reason}`, { cause });
  const signal = AbortSignal.timeout(timeoutMs);
  const socket = createConnection({ path: socketPath });
  const abort = () => socket.destroy(unavailable(`no answer within ${timeoutMs} ms`));
  signal.addEventListener('abort', abort);
  const closed = new Promise<never>((_resolve, reject) => {
    socket.on('error', (cause) => reject(cause instanceof BirdError ? cause : unavailable(cause.message, cause)));
    socket.on('close', () => reject(unavailable('it closed the connection')));
  });
  try {
    const reply = await Promise.race([converse(socket, command), closed]);
    if (reply.code < 8000) return reply;
    throw new BirdError('refused', `BIRD refused "${command}": ${reply.lines.join(' ')}`);
  } finally {
    signal.removeEventListener('abort', abort);
    closed.catch(() => undefined);
    socket.destroy();
  }
}

async function converse(socket: Socket, command: string): Promise<BirdReply> {
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  // The greeting is a reply like any other.
  await readReply(lines);
  socket.write(`${command}\n`);
  return await readReply(lines);
}

/** `NNNN-text` goes on, `NNNN text` ends; a line that begins with a space belongs to the one before. */
async function readReply(lines: AsyncIterator<string>): Promise<BirdReply> {
  const texts: string[] = [];
  let characters = 0;
  for (;;) {
    const { value, done } = await lines.next();
    if (done) return await new Promise<never>(() => undefined);
    characters += value.length;
    if (characters > REPLY_CHARACTERS_MAX) {
      throw new BirdError('unavailable', `BIRD's reply has more than ${REPLY_CHARACTERS_MAX} characters`);
    }
    const match = /^(\d{4})([ -])(.*)$/.exec(value);
    texts.push(match?.[3] ?? value.trim());
    if (match?.[2] === ' ') return { code: Number(match[1]), lines: texts };
  }
}
