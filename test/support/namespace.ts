import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

/** `network`: a network namespace, as root. `user`: one inside a user namespace, as an unprivileged user has it. */
export type NamespaceKind = 'network' | 'user';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const INSIDE = 'HIGGINS_TEST_NAMESPACE';
const UNSHARE: Readonly<Record<NamespaceKind, readonly string[]>> = {
  network: ['--net'],
  user: ['--user', '--map-root-user', '--net'],
};
/** A nested run that takes longer hangs. */
const RUN_MS_MAX = 300_000;

interface Assertion {
  readonly title: string;
  readonly status: string;
  readonly failureMessages: readonly string[];
}

interface Report {
  readonly testResults: readonly { readonly assertionResults: readonly Assertion[]; readonly message: string }[];
}

/**
 * Runs the tests that `define` declares inside network namespaces of their own: a nested run of the same file does the
 * work, and each of its tests appears here under its own name. Where a namespace can't be had, one test is skipped with
 * the reason in its name.
 */
export async function describeInNamespace(
  name: string,
  file: string,
  kinds: readonly NamespaceKind[],
  define: (kind: NamespaceKind) => void,
): Promise<void> {
  const inside = process.env[INSIDE];
  if (inside !== undefined) return void describe(name, () => define(inside as NamespaceKind));
  for (const kind of kinds) {
    const missing = whyNot(kind);
    const assertions = missing ? [] : await runNested(file, kind);
    describe(`${name}, ${kind} namespace`, () => {
      if (missing) it.skip(`skipped: ${missing}`, () => {});
      for (const assertion of assertions) mirror(assertion);
    });
  }
}

function mirror(assertion: Assertion): void {
  if (assertion.status === 'skipped' || assertion.status === 'pending') return void it.skip(assertion.title, () => {});
  it(assertion.title, () => {
    if (assertion.status !== 'passed') throw new Error(assertion.failureMessages.join('\n') || assertion.status);
  });
}

function whyNot(kind: NamespaceKind): string | null {
  if (process.platform !== 'linux') return 'network namespaces need Linux';
  const probe = spawnSync('unshare', [...UNSHARE[kind], 'nft', 'list', 'ruleset'], { encoding: 'utf8' });
  if (probe.error) return 'unshare is not installed';
  if (probe.status !== 0) return `no ${kind} namespace with nft: ${probe.stderr.trim().split('\n')[0]}`;
  return null;
}

/** Asynchronous, because a worker that blocks for long is given up by the test runner. */
async function runNested(file: string, kind: NamespaceKind): Promise<readonly Assertion[]> {
  const directory = mkdtempSync(join(tmpdir(), 'higgins-namespace-'));
  const report = join(directory, 'report.json');
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [process.execPath, vitest, 'run', '--reporter=json', `--outputFile=${report}`, relative(ROOT, file)];
  const run = spawn('unshare', [...UNSHARE[kind], ...args], {
    cwd: ROOT,
    env: { ...process.env, [INSIDE]: kind },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_MS_MAX,
    killSignal: 'SIGKILL',
  });
  const output = await Promise.all([text(run.stdout), text(run.stderr)]);
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    const assertions = testResults.flatMap((result) => result.assertionResults);
    return assertions.length > 0 ? assertions : [failed(testResults.map((result) => result.message).join('\n'))];
  } catch (error) {
    return [failed(`${String(error)}\n${output.join('\n')}`)];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function failed(message: string): Assertion {
  return { title: 'runs in the namespace', status: 'failed', failureMessages: [message] };
}
