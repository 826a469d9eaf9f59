import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type JsonRecord, parseRecord } from './records.js';

/** Lines of a program's output that are kept for the error message when it fails. */
const LINES_KEPT = 30;

interface Waiter {
  readonly matches: (record: JsonRecord) => boolean;
  readonly resolve: (record: JsonRecord) => void;
}

/** One of the real programs, with its log in a file. */
export class Program {
  readonly name: string;
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  readonly #log: WriteStream;
  readonly #lines: string[] = [];
  readonly #records: JsonRecord[] = [];
  readonly #waiters = new Set<Waiter>();
  #running = true;

  /** `command` is the whole command line; the log is appended to. */
  constructor(name: string, command: readonly string[], logFile: string) {
    const [file = '', ...args] = command;
    this.name = name;
    this.#log = createWriteStream(logFile, { flags: 'a' });
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#onLine(line));
    }
    this.exited = new Promise((resolve) => {
      const end = () => {
        this.#running = false;
        this.#log.end();
        resolve();
      };
      this.#child.once('close', end);
      this.#child.once('error', (error) => {
        this.#onLine(error.message);
        end();
      });
    });
  }

  /** The JSON lines that it has printed. */
  get records(): readonly JsonRecord[] {
    return this.#records;
  }

  /** Null while it runs, and if a signal ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** Resolves with the first JSON line, past or to come, that matches; rejects when the program ends or the bound is reached. */
  async line(what: string, matches: (record: JsonRecord) => boolean, boundMs: number): Promise<JsonRecord> {
    const earlier = this.#records.find(matches);
    if (earlier) return earlier;
    return await new Promise<JsonRecord>((resolve, reject) => {
      const waiter: Waiter = { matches, resolve: (record) => settle(() => resolve(record)) };
      const timer = setTimeout(() => settle(() => reject(this.#failure(`no ${what} within ${boundMs} ms`))), boundMs);
      const settle = (then: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        then();
      };
      this.#waiters.add(waiter);
      void this.exited.then(() => settle(() => reject(this.#failure(`it ended before ${what}`))));
    });
  }

  /** Sends a signal that the program is to live on with. */
  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#child.kill(signal);
  }

  /** Sends a signal and waits for the end. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#running) this.#child.kill(signal);
    await this.exited;
  }

  #onLine(line: string): void {
    this.#log.write(`${line}\n`);
    this.#lines.push(line);
    if (this.#lines.length > LINES_KEPT) this.#lines.shift();
    const record = parseRecord(line);
    if (record === null) return;
    this.#records.push(record);
    for (const waiter of [...this.#waiters]) if (waiter.matches(record)) waiter.resolve(record);
  }

  #failure(what: string): Error {
    return new Error(`${this.name}: ${what}; its last lines:\n${this.#lines.join('\n')}`);
  }
}
