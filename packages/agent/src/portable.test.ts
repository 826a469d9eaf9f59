import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = import.meta.dirname;
/** What a module loads: imports and exports of values. */
const LOADS = /^(?:import|export)\s+(?!type\s)[^;'"]*?\s*from\s+'([^']+)'/gm;
const NATIVE = /^(node:|prom-client$|@higgins\/(netlink|quic|service|runtime\/node)$)/;

it('loads neither native code nor the I/O of Node', () => {
  const loaded = new Map<string, readonly string[]>();
  load(join(ROOT, 'portable.ts'), loaded);
  const found = [...loaded].flatMap(([file, packages]) =>
    packages.filter((name) => NATIVE.test(name)).map((name) => `${relative(ROOT, file)} loads ${name}`),
  );
  expect(found).toEqual([]);
  expect([...loaded.keys()].map((file) => relative(ROOT, file))).toContain('balancer/io/balancer-runner.ts');
});

function load(file: string, loaded: Map<string, readonly string[]>): void {
  if (loaded.has(file)) return;
  const names = [...readFileSync(file, 'utf8').matchAll(LOADS)].map(([, name]) => name!);
  loaded.set(
    file,
    names.filter((name) => !name.startsWith('.')),
  );
  for (const name of names) {
    if (name.startsWith('.')) load(join(dirname(file), name.replace(/\.js$/, '.ts')), loaded);
  }
}
