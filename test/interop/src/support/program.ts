import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Starting a program and a handshake on a busy machine. */
const EVENT_MS_MAX = 20_000;

/** A program that runs beside the test; disposing it ends it. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream! }).on('line', (text) => {
        this.#lines.push(text);
        child.emit('line');
      });
    }
  }

  static start(command: string, args: readonly string[], environment: Record<string, string> = {}): Program {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    return new Program(child);
  }

  /** Its output so far, both streams. */
  get output(): string {
    return this.#lines.join('\n');
  }

  /** The first line of its output that matches; rejects with all of it if there is none in time. */
  async line(matches: RegExp): Promise<string> {
    const signal = AbortSignal.timeout(EVENT_MS_MAX);
    for (;;) {
      const found = this.#lines.find((text) => matches.test(text));
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null) throw new Error(`the program ended without ${matches}:\n${this.output}`);
      await Promise.race([once(this.#child, 'line', { signal }), once(this.#child, 'close', { signal })]).catch(() => {
        throw new Error(`no ${matches} in:\n${this.output}`);
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }
}
