import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const program = (name: string) => fileURLToPath(new URL(`../../../packages/cli/dist/${name}/main.js`, import.meta.url));
const isRoot = process.getuid?.() === 0;
/** The demo waits for a TTL of 20 s to pass, the lab's slowest example for checks 10 s apart; the rest takes about as long. */
const RUN_MS_MAX = 240_000;

interface StepResult {
  steps: { name: string; ok: boolean; detail: string }[];
  figures: Record<string, number>;
}

function run(
  name: string,
  prefix: readonly string[],
  flags: readonly string[] = [],
): { status: number | null; output: string; result: StepResult } {
  const directory = mkdtempSync(join(tmpdir(), 'higgins-e2e-'));
  try {
    chmodSync(directory, 0o777);
    const json = join(directory, 'result.json');
    const [command = '', ...args] = [...prefix, process.execPath, program(name), '--json', json, ...flags];
    const env = { ...process.env, HOME: directory, TMPDIR: tmpdir() };
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: RUN_MS_MAX, env });
    const output = `${stdout}\n${stderr}`;
    return { status, output, result: readResult(json, output) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function readResult(json: string, output: string): StepResult {
  try {
    return JSON.parse(readFileSync(json, 'utf8')) as StepResult;
  } catch (cause) {
    throw new Error(`there is no result:\n${output}`, { cause });
  }
}

const users = [
  { user: 'the user of this run', prefix: [] },
  ...(isRoot
    ? [{ user: 'an unprivileged user', prefix: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] }]
    : []),
];

function expectEveryStep({ status, output, result }: ReturnType<typeof run>): void {
  expect(
    result.steps.filter((step) => !step.ok),
    output,
  ).toEqual([]);
  expect(result.steps).toHaveLength(6);
  expect(status, output).toBe(0);
}

describe('the demo', () => {
  it.each(users)(
    'check 9, BUS-45, BUS-46, BUS-51: every step is observed to hold for $user',
    ({ prefix }) => expectEveryStep(run('demo', prefix)),
    RUN_MS_MAX + 10_000,
  );
});

describe('the lab', () => {
  it.each(users)(
    'L4-01, L4-10, L4-33, L4-41, L4-82: every step is observed to hold for $user',
    ({ prefix }) => expectEveryStep(run('lab', prefix)),
    RUN_MS_MAX + 10_000,
  );

  it(
    'L4-14: the Gateway API example carries traffic as it stands',
    () => expectEveryStep(run('lab', [], ['--example', 'gateway-api'])),
    RUN_MS_MAX + 10_000,
  );
});
