import { expect, it } from 'vitest';
import { coverageText, mergeCoverage } from './coverage-report.js';

it('sums up tables, and tells what was never seen', () => {
  const table = mergeCoverage([
    { 'relay dropped': { crash: 1 } },
    { 'relay dropped': { crash: 2, pause: 1 }, 'relay conflated': { pause: 1 } },
  ]);
  expect(table).toEqual({ 'relay conflated': { pause: 1 }, 'relay dropped': { crash: 3, pause: 1 } });
  expect(coverageText(table)).toEqual([
    'relay conflated    1/2  never under crash',
    'relay dropped      2/2',
    'crash: 1 of 2 transitions',
    'pause: 2 of 2 transitions',
    '3 of 4 pairs of transition and fault were seen',
  ]);
});
