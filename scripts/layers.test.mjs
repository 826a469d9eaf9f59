import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { checkLayers } from './layers.mjs';

function planted(file, text) {
  const root = mkdtempSync(join(tmpdir(), 'layers-'));
  try {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
    return checkLayers(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

it('finds no violation in the workspace', () => {
  expect(checkLayers(fileURLToPath(new URL('..', import.meta.url)))).toEqual([]);
});

it.each([
  [
    'a relay that knows schemas (BUS-59)',
    'relay/src/io/a.ts',
    "import { x } from '@higgins/signals';",
    '@higgins/signals',
  ],
  [
    'a command line that needs the simulator, instead of loading it when asked',
    'packages/cli/src/a.ts',
    "import { x } from '@higgins/simulator/command';",
    '@higgins/simulator',
  ],
  ['a package that loads another above it', 'relay/src/a.ts', "await import('@higgins/client');", '@higgins/client'],
  ['a client above its layer', 'packages/client/src/a.ts', "export * from '@higgins/relay/core';", '@higgins/relay'],
  ['I/O in a core', 'relay/src/core/a.ts', "import fs from 'node:fs';", 'node:fs'],
  ['a clock in a core', 'protocol/src/a.ts', 'export const now = () => Date.now();', 'Date'],
  ['randomness in a core', 'packages/client/src/a.ts', 'export const r = Math.random();', 'Math.random'],
  ['a timer in a core', 'packages/agent/src/core/a.ts', 'setTimeout(() => {}, 1);', 'setTimeout'],
  ['a clock in the names of signals', 'packages/signals/src/a.ts', 'const at = Date.now();', 'Date'],
  ['randomness in the balancing', 'packages/balancing/src/a.ts', 'const { random } = Math;', 'Math'],
  ['randomness behind a name', 'relay/src/core/a.ts', "const r = Math['random']();", 'Math['],
  [
    'a timer of the platform in a core',
    'relay/src/core/a.ts',
    'const s = AbortSignal.timeout(5);',
    'AbortSignal.timeout',
  ],
  [
    'a global behind another',
    'packages/agent/src/balancer/core/a.ts',
    'globalThis.setTimeout(() => {}, 1);',
    'globalThis',
  ],
  ['a random UUID in a core', 'packages/client/src/a.ts', 'const id = crypto.randomUUID();', 'crypto'],
  ['the collector of garbage in a core', 'protocol/src/a.ts', 'const w = new WeakRef({});', 'WeakRef'],
  ['a clock in an invariant', 'test/simulator/src/invariants/a.ts', 'const at = performance.now();', 'performance'],
  ['a foreign package in a core', 'protocol/src/a.ts', "import x from 'left-pad';", 'left-pad'],
])('finds %s', (_what, file, text, named) => {
  const violations = planted(file, text);
  expect(violations).toHaveLength(1);
  expect(violations[0]).toContain(named);
  expect(violations[0]).toContain(file);
});

it('lets a package load what it does without where that is not installed', () => {
  expect(planted('packages/cli/src/a.ts', "await import('@higgins/simulator/command');")).toEqual([]);
});

it('is not misled by comments and strings', () => {
  expect(planted('protocol/src/a.ts', "// from 'header' on\n/* import 'x' */")).toEqual([]);
  expect(planted('protocol/src/a.ts', "// Date.now()\n/* setTimeout */ export const text = 'process.exit';")).toEqual(
    [],
  );
});
