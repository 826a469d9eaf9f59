import fc from 'fast-check';
import { expect, it } from 'vitest';
import { printableReason, reasonOf } from './reason.js';

/** Lone surrogates and pairs, control characters, and what is most common. */
const unit = fc.oneof(
  fc.constantFrom('a', ' ', '\n', '\u0000', '\u2028', '\u200f', 'é', '😀'),
  fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
);

it('is one line of at most 200 characters without control characters, whatever it is made of', () => {
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 400 }), (units) => {
      const text = units.join('');
      const reason = printableReason(text);
      expect(reason.length).toBeLessThanOrEqual(200);
      expect(reason).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      if (text.length <= 200 && /^[ -~]*$/.test(text)) expect(reason).toBe(text);
    }),
  );
});

it('marks what is cut off', () => {
  expect(printableReason('x'.repeat(201))).toBe(`${'x'.repeat(199)}…`);
  expect(printableReason('\n'.repeat(200))).toMatch(/…$/);
  expect(printableReason(`${'x'.repeat(198)}😀😀`)).toBe(`${'x'.repeat(198)}\ufffd…`);
});

it('gives words and the code of the system', () => {
  expect(reasonOf(Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:80'), { code: 'ECONNREFUSED' }))).toBe(
    'connection refused (ECONNREFUSED)',
  );
  expect(reasonOf(Object.assign(new Error('strange'), { code: 'ESTRANGE' }))).toBe('strange (ESTRANGE)');
  expect(reasonOf(Object.assign(new Error(''), { code: 'ESTRANGE' }))).toContain('ESTRANGE');
  expect(reasonOf('text')).toBe('text');
});
