import { type Profiler, Session } from 'node:inspector';

/** Where the code under test lies, compiled or not. */
const CORE = /\/protocol\/(?:src|dist)\//;

/** What some work took: blocks of code that were executed, and bytes of arrays that were made. */
export interface Work {
  readonly blocks: number;
  readonly allocatedBytes: number;
}

/**
 * Counts the work of the core: how many blocks of its code were executed, as V8 counts them for coverage. The count is
 * the same in every run and on every machine, unlike time. Built-in loops (copying an array) count as one block.
 *
 * V8 counts in code that it compiled while the meter was there: make it before the core is loaded, in an isolate of
 * its own, since everything in it runs slower from then on. Bytes are counted where an array of some length is made.
 */
export class WorkMeter {
  readonly #session = new Session();
  #allocatedBytes = 0;

  constructor() {
    globalThis.Uint8Array = new Proxy(Uint8Array, {
      construct: (target, values, newTarget) => {
        if (typeof values[0] === 'number') this.#allocatedBytes += values[0];
        return Reflect.construct(target, values, newTarget);
      },
    });
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What `run` takes. */
  measure(run: () => void): Work {
    this.#take();
    const before = this.#allocatedBytes;
    run();
    return { blocks: this.#take(), allocatedBytes: this.#allocatedBytes - before };
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }

  #take(): number {
    const { result } = this.#post('Profiler.takePreciseCoverage') as Profiler.TakePreciseCoverageReturnType;
    let blocks = 0;
    for (const script of result) {
      if (!CORE.test(script.url)) continue;
      for (const { ranges } of script.functions) for (const { count } of ranges) blocks += count;
    }
    return blocks;
  }

  // The inspector answers within the call.
  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result;
    });
    return answer;
  }
}
