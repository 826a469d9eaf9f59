import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConntrackWatch } from './conntrack-usage.js';

describe('ConntrackWatch', () => {
  let directory: string;
  let due: (() => void) | null;
  const told: string[] = [];
  const clock = { bootMs: () => 0, at: (_bootMs: number, run: () => void) => schedule(run) };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'higgins-conntrack-'));
    told.length = 0;
    due = null;
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it('L4-63: tells once at 80 % of the connections that the kernel tracks, and once when there is room again', async () => {
    using watch = newWatch();
    for (const entries of [700, 800, 900, 790, 760, 740, 10]) await look(watch, entries);
    expect(told).toEqual(['conntrack-high 800 of 1000', 'conntrack-normal 740 of 1000']);
    expect(watch.usage).toEqual({ entries: 10, entriesMax: 1_000 });
  });

  it('knows nothing where the kernel tells nothing', async () => {
    using watch = newWatch();
    await watch.start();
    expect([watch.usage, told]).toEqual([null, []]);
  });

  it('stops looking when it is disposed', async () => {
    const watch = newWatch();
    await look(watch, 1);
    watch[Symbol.dispose]();
    expect(due).toBeNull();
  });

  function newWatch(): ConntrackWatch {
    return new ConntrackWatch(
      clock,
      (occurrence) => {
        if ('entriesMax' in occurrence)
          told.push(`${occurrence.kind} ${occurrence.entries} of ${occurrence.entriesMax}`);
      },
      directory,
    );
  }

  async function look(watch: ConntrackWatch, entries: number): Promise<void> {
    writeFileSync(join(directory, 'nf_conntrack_count'), `${entries}\n`);
    writeFileSync(join(directory, 'nf_conntrack_max'), '1000\n');
    await watch.start();
  }

  function schedule(run: () => void): Disposable {
    due = run;
    return {
      [Symbol.dispose]() {
        if (due === run) due = null;
      },
    };
  }
});
