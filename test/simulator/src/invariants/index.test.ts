import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { guarantees } from './index.js';

const FILES = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'index.ts')
  .map((name) => name.slice(0, -'.ts'.length));
const DOCUMENT = readFileSync(new URL('../../../../docs/simulation.md', import.meta.url), 'utf8');

describe('the list of invariants', () => {
  it('has every file of the folder once', () => {
    expect(guarantees.map(({ id }) => id).sort()).toEqual(FILES.sort());
  });

  it.each(guarantees.map((guarantee) => [guarantee.id, guarantee] as const))(
    'docs/simulation.md tells of %s',
    (id, { design, statement }) => {
      const numbers = design.length === 0 ? '–' : design.join(', ');
      expect(DOCUMENT).toContain(`| \`${id}\` | ${numbers} | ${statement} |`);
    },
  );
});
