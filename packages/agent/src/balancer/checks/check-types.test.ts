import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CheckTypes } from './check-types.js';

const probe = async () => {};

it('L4-31: names built-in and registered types', () => {
  const types = new CheckTypes();
  types.registerCheckType('grpc', probe);
  types.registerModule('more.mjs', { checkTypes: { 'my-dns': probe }, somethingElse: 1 });
  expect(types.names).toEqual(['tcp', 'udp', 'http', 'https', 'tls', 'grpc', 'my-dns']);
  expect(types.registered('my-dns')).toBe(probe);
  expect(() => types.assertKnown('my-dns')).not.toThrow();
});

it.each([
  ['tcp', 'duplicate'],
  ['twice', 'duplicate'],
  ['', 'name'],
  ['Grpc', 'name'],
  ['2fa', 'name'],
  ['a b', 'name'],
  ['a'.repeat(64), 'name'],
])('refuses the name %j', (name, code) => {
  const types = new CheckTypes();
  types.registerCheckType('twice', probe);
  expect(() => types.registerCheckType(name, probe)).toThrow(expect.objectContaining({ code }));
});

it('refuses more types than anyone has', () => {
  const types = new CheckTypes();
  for (let index = 0; index < 64; index++) types.registerCheckType(`type-${index}`, probe);
  expect(() => types.registerCheckType('one-more', probe)).toThrow(expect.objectContaining({ code: 'too-many' }));
});

it.each([
  [{}, 'checks.mjs: checkTypes is undefined, expected an object of functions'],
  [{ checkTypes: null }, 'checks.mjs: checkTypes is null, expected an object of functions'],
  [{ checkTypes: { grpc: 1 } }, 'checks.mjs: checkTypes.grpc is number, expected a function'],
])('refuses a module that exports %j', (exports, message) => {
  expect(() => new CheckTypes().registerModule('checks.mjs', exports)).toThrow(message);
});

it('L4-31: loads the operator’s modules, and names one that can’t be', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'higgins-checks-'));
  try {
    const path = join(directory, 'checks.mjs');
    writeFileSync(path, 'export const checkTypes = { quorum: async ({ address }, signal) => {} };');
    const types = new CheckTypes();
    await types.loadModule(path);
    expect(types.names.at(-1)).toBe('quorum');
    await expect(types.loadModule(path)).rejects.toMatchObject({ code: 'duplicate' });
    const missing = join(directory, 'missing.mjs');
    await expect(types.loadModule(missing)).rejects.toThrow(`${missing}: can't be loaded: `);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
