import fc from 'fast-check';
import { expect, it } from 'vitest';
import { HttpAnswer, HttpAnswerError } from './http-answer.js';
import { HTTP_HEAD_BYTES_MAX } from './limits.js';

const header = fc.stringMatching(/^[A-Za-z-]{1,12}: [ -~]{0,40}$/);
const lineEnd = fc.constantFrom('\r\n', '\n');

it('L4-32: finds the final status however the bytes are split, and behind interim answers', () => {
  const head = fc.tuple(fc.array(header, { maxLength: 5 }), lineEnd, fc.constantFrom('', ' ', ' Some Reason'));
  const answers = fc.record({
    interim: fc.array(fc.tuple(fc.constantFrom(100, 102, 103), head), { maxLength: 3 }),
    status: fc.integer({ min: 200, max: 599 }),
    head,
    body: fc.uint8Array({ maxLength: 50 }),
    version: fc.constantFrom('1.0', '1.1'),
    cuts: fc.array(fc.nat(2_000)),
  });
  fc.assert(
    fc.property(answers, ({ interim, status, head: last, body, version, cuts }) => {
      const heads = [...interim, [status, last] as const].map(([code, [headers, end, reason]]) =>
        [`HTTP/${version} ${code}${reason}`, ...headers, '', ''].join(end),
      );
      const bytes = Buffer.concat([Buffer.from(heads.join('')), body]);
      const answer = new HttpAnswer();
      const bounds = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
      let found: number | null = null;
      let from = 0;
      for (const to of bounds) {
        found ??= answer.push(bytes.subarray(from, to));
        from = to;
      }
      expect(found).toBe(status);
    }),
  );
});

it('needs the whole head: no prefix of it is an answer', () => {
  const bytes = Buffer.from('HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n');
  for (let length = 0; length < bytes.length; length++)
    expect(new HttpAnswer().push(bytes.subarray(0, length))).toBeNull();
  expect(new HttpAnswer().push(bytes)).toBe(204);
});

it('refuses anything else, or never ends with an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const answer = new HttpAnswer();
      try {
        expect(answer.push(bytes)).toBeNull();
      } catch (error) {
        expect(error).toBeInstanceOf(HttpAnswerError);
      }
    }),
  );
});

it.each(['HTTP/2 200 OK', 'HTTP/1.1 20', 'HTTP/1.1 2000 OK', 'HTTP/1.1 099 OK', 'HTTP/1.1  200', 'http/1.1 200 OK'])(
  'refuses the status line %j',
  (line) => {
    expect(() => new HttpAnswer().push(Buffer.from(`${line}\r\n\r\n`))).toThrow(HttpAnswerError);
  },
);

it('refuses a head without an end at its limit, and not before', () => {
  const answer = new HttpAnswer();
  const start = Buffer.from('HTTP/1.1 200 OK\r\nX: ');
  expect(answer.push(start)).toBeNull();
  expect(answer.push(Buffer.alloc(HTTP_HEAD_BYTES_MAX - start.length, 'x'))).toBeNull();
  expect(() => answer.push(Buffer.from('x'))).toThrow(`the answer's head has more than ${HTTP_HEAD_BYTES_MAX} bytes`);
});
