import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../../packages/cli/dist/demo/main.js', import.meta.url));
const isRoot = process.getuid?.() === 0;
/** The demo waits for a TTL of 20 s to pass; the rest takes about as long. */
const DEMO_MS_MAX = 240_000;

interface DemoResult {
  steps: { name: string; ok: boolean; detail: string }[];
  figures: Record<string, number>;
}

function runDemo(prefix: readonly string[]): { status: number | null; output: string; result: DemoResult } {
  const directory = mkdtempSync(join(tmpdir(), 'higgins-e2e-'));
  try {
    chmodSync(directory, 0o777);
    const json = join(directory, 'demo.json');
    const [command = '', ...args] = [...prefix, process.execPath, main, '--json', json];
    const env = { ...process.env, HOME: directory, TMPDIR: tmpdir() };
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: DEMO_MS_MAX, env });
    const output = `${stdout}\n${stderr}`;
    return { status, output, result: readResult(json, output) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readResult(json: string, output: string): DemoResult {
  try {
    return JSON.parse(readFileSync(json, 'utf8')) as DemoResult;
  } catch (cause) {
    throw new Error(`the demo wrote no result:\n${output}`, { cause });
  }
}

describe('the demo', () => {
  const users = [
    { user: 'the user of this run', prefix: [] },
    ...(isRoot
      ? [{ user: 'an unprivileged user', prefix: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] }]
      : []),
  ];

  it.each(users)(
    'BUS-45, BUS-46, BUS-51: every step is observed to hold for $user',
    ({ prefix }) => {
      const { status, output, result } = runDemo(prefix);
      expect(
        result.steps.filter((step) => !step.ok),
        output,
      ).toEqual([]);
      expect(result.steps).toHaveLength(6);
      expect(status, output).toBe(0);
    },
    DEMO_MS_MAX + 10_000,
  );
});
