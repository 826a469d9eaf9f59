import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { guarantees } from '../invariants/index.js';
import { mutants } from './index.js';
import { mutate } from './mutant.js';

const root = new URL('../../../../', import.meta.url);

describe('mutants', () => {
  it('check 10: are three at least for each invariant, each with an id of its own', () => {
    for (const { id } of guarantees) {
      expect(mutants.filter(({ invariant }) => invariant === id).length, id).toBeGreaterThanOrEqual(3);
    }
    const known = new Set(guarantees.map(({ id }) => id));
    expect(mutants.filter(({ invariant }) => !known.has(invariant))).toEqual([]);
    expect(new Set(mutants.map(({ id }) => id)).size).toBe(mutants.length);
  });

  it.each(mutants.map((mutant) => [mutant.id, mutant] as const))('%s finds what it breaks', (_id, mutant) => {
    for (const module of new Set(mutant.edits.map((edit) => edit.module))) {
      const file = fileURLToPath(new URL(module, root));
      expect(existsSync(file), `${module} is built`).toBe(true);
      const code = readFileSync(file, 'utf8');
      expect(mutate(code, module, mutant)).not.toBe(code);
    }
  });

  it('are refused when what they break is not there once', () => {
    const edit = { module: 'm.js', find: 'a = 1;', replace: '' };
    const mutant = { id: 'one', invariant: 'converges', edits: [edit] };
    expect(mutate('let a;\na  =\n1; b()', 'm.js', mutant)).toBe('let a;\n b()');
    expect(() => mutate('b()', 'm.js', mutant)).toThrow('mutant one: "a = 1;" stands 0 times in m.js, expected once');
    expect(() => mutate('a = 1; a = 1;', 'm.js', mutant)).toThrow('stands 2 times');
    expect(mutate('b()', 'other.js', mutant)).toBe('b()');
  });
});
