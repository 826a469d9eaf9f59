import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** One line of JSON that a program printed. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** Lines kept for the error message of a program that fails. */
const LINES_KEPT = 20;

/** A program under measurement, whose lines of JSON can be waited for. */
export class Program implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #records: JsonRecord[] = [];
  readonly #lines: string[] = [];
  readonly #ended: Promise<void>;
  #onChange: () => void = () => {};
  #over = false;

  /** `command` is the whole command line. */
  constructor(name: string, command: readonly string[]) {
    const [file = '', ...args] = command;
    this.name = name;
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#take(line));
    }
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#over = true;
        this.#onChange();
        resolve();
      };
      this.#child.once('close', end);
      this.#child.once('error', (error) => {
        this.#lines.push(error.message);
        end();
      });
    });
  }

  /** The process id; throws if the program could not be started. */
  get pid(): number {
    if (this.#child.pid === undefined) throw this.#failure('it could not be started');
    return this.#child.pid;
  }

  /** The first line of JSON, past or to come, that `matches`; rejects if the program ends or `boundMs` pass before. */
  async record(matches: (record: JsonRecord) => boolean, what: string, boundMs: number): Promise<JsonRecord> {
    const deadline = AbortSignal.timeout(boundMs);
    for (;;) {
      const found = this.#records.find(matches);
      if (found !== undefined) return found;
      if (this.#over) throw this.#failure(`it ended before ${what}`);
      if (deadline.aborted) throw this.#failure(`no ${what} within ${boundMs} ms`);
      await new Promise<void>((resolve) => {
        this.#onChange = resolve;
        deadline.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }

  #take(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
    const record = parseRecord(line);
    if (record === null) return;
    this.#records.push(record);
    this.#onChange();
  }

  #failure(what: string): Error {
    return new Error([`${this.name}: ${what}; its last lines:`, ...this.#lines].join('\n'));
  }
}

/** Runs a program to its end and rejects if it fails. */
export async function runToEnd(command: readonly string[]): Promise<void> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
}

function parseRecord(line: string): JsonRecord | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as JsonRecord;
  } catch {
    return null;
  }
}
