// Static checks, each reported as one test: layers, formatting and lint, types of the tests, Rust formatting and lint.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => join(root, 'node_modules', '.bin', name);

const CHECKS = [
  ['layer rules', process.execPath, ['scripts/layers.mjs']],
  ['formatting and lint', bin('biome'), ['check', '--error-on-warnings', '.']],
  ['types of the tests', bin('tsc'), ['-p', 'tsconfig.test.json']],
  ['Rust formatting', 'cargo', ['fmt', '--check']],
  ['Rust lint', 'cargo', ['clippy', '--release', '--locked', '--all-targets', '--quiet', '--', '-D', 'warnings']],
];

/** Runs every check; returns how many passed and failed, the names of those skipped with the reason, and those that failed. */
export function runChecks() {
  const result = { passed: 0, failed: 0, skipped: [], failures: [] };
  for (const [name, command, args] of CHECKS) {
    const missing = missingTool(command, args);
    if (missing) {
      result.skipped.push(`${name} (${missing})`);
      continue;
    }
    process.stderr.write(`check: ${name}\n`);
    const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
    if (status === 0) result.passed++;
    else {
      result.failed++;
      result.failures.push(`${name}: ${[command.split('/').at(-1), ...args].join(' ')}`);
    }
  }
  return result;
}

function missingTool(command, args) {
  if (command !== 'cargo') return null;
  if (!existsSync(join(root, 'Cargo.toml'))) return 'no Rust here';
  const { status } = spawnSync('cargo', [args[0], '--version'], { stdio: 'ignore' });
  return status === 0 ? null : `cargo ${args[0]} is not installed`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { failed, failures } = runChecks();
  for (const failure of failures) process.stderr.write(`check: failed: ${failure}\n`);
  process.exit(failed === 0 ? 0 : 1);
}
