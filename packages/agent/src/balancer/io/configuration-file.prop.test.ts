import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@higgins/service';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfigurationFile } from './configuration-file.js';

const examples = ['lobby.yaml', 'gateway-api.yaml', 'core.yaml'].map((name): [string, string] => [
  name,
  readFileSync(fileURLToPath(new URL(`../../../../../examples/lb/${name}`, import.meta.url)), 'utf8'),
]);

const edit = fc.record({
  at: fc.nat(),
  length: fc.nat({ max: 30 }),
  insert: fc.oneof(
    fc.string({ maxLength: 5 }),
    fc.constantFrom(
      '\n',
      '  ',
      '- ',
      ': ',
      '*a',
      '&a ',
      '"',
      '[',
      '{',
      '---\n',
      '!!binary ',
      '<<: ',
      '0',
      '\t',
      '#',
      'null',
    ),
  ),
});

describe('any text', () => {
  it.each(examples)(
    'LOB-03: near %s is a configuration, or refused with the lines of what is wrong',
    (_name, example) => {
      let refused = 0;
      fc.assert(
        fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
          let text = example;
          for (const { at, length, insert } of edits) {
            const start = at % (text.length + 1);
            text = text.slice(0, start) + insert + text.slice(start + length);
          }
          try {
            parseConfigurationFile(text, 'lb.yaml');
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
            refused++;
            const lines = error.problems.map(({ line }) => line ?? 1);
            expect(lines.length).toBeGreaterThan(0);
            expect(Math.max(...lines)).toBeLessThanOrEqual(text.split('\n').length);
          }
        }),
        { seed: 17, numRuns: 300 },
      );
      expect(refused).toBeGreaterThan(30);
    },
  );
});
