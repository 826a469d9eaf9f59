import { writeFileSync } from 'node:fs';

/** One step, and whether it was observed to hold. */
export interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** What `--json` writes. */
export interface StepResult {
  readonly steps: readonly Step[];
  /** Measured values by name; the unit is the name's last word. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Prints steps as they happen and gathers what was observed. */
export class StepReport {
  readonly #steps: Step[] = [];
  readonly #figures: Record<string, number> = {};
  readonly #startedMs = performance.now();

  /** Runs a step; it holds if `run` resolves, with what it observed as the detail. Later steps do not run after a failure. */
  async step(name: string, run: () => Promise<string>): Promise<void> {
    process.stdout.write(`\n\u2500\u2500 ${this.#steps.length + 1}. ${name}\n`);
    try {
      const detail = await run();
      this.#steps.push({ name, ok: true, detail });
      process.stdout.write(`   \u2713 ${detail} [${this.#elapsed()}]\n`);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#steps.push({ name, ok: false, detail });
      process.stdout.write(`   \u2717 ${detail} [${this.#elapsed()}]\n`);
      throw error;
    }
  }

  /** A line below the current step. */
  say(line: string): void {
    process.stdout.write(`${line.replace(/^/gm, '   ')}\n`);
  }

  figure(name: string, value: number): void {
    this.#figures[name] = Math.round(value * 100) / 100;
  }

  result(): StepResult {
    return { steps: this.#steps, figures: this.#figures };
  }

  writeJson(file: string): void {
    writeFileSync(file, `${JSON.stringify(this.result(), null, 2)}\n`);
  }

  #elapsed(): string {
    return `${((performance.now() - this.#startedMs) / 1000).toFixed(1)} s`;
  }
}

/** @throws Error with what was expected and what was seen, unless they are equal */
export function expectEqual(what: string, seen: unknown, expected: unknown): void {
  if (seen !== expected) throw new Error(`${what}: expected ${String(expected)}, saw ${String(seen)}`);
}
