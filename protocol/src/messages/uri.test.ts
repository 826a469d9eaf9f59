import { describe, expect, it } from 'vitest';
import { isAuthority, isPathAndQuery } from './uri.js';

describe('uri parts', () => {
  it.each(['', '/', '/a/b', '//', '/a%2Fb;c=1', '/a?b=/c?d', '?q'])('takes the path %j', (path) => {
    expect(isPathAndQuery(path)).toBe(true);
  });

  it.each(['a', ' /', '/a b', '/%2', '/a#b', '/ü', '/a?b#c'])('refuses the path %j', (path) => {
    expect(isPathAndQuery(path)).toBe(false);
  });

  it.each(['h', 'h:', 'h:443', 'a.b-c', '[2001:db8::1]', '[::1]:4443', 'user:secret@h:1', '192.0.2.1'])(
    'takes the authority %j',
    (authority) => {
      expect(isAuthority(authority)).toBe(true);
    },
  );

  it.each(['', ':443', 'h:x', '[::1', '[]', 'a b', 'h:1:2', 'a@b@c', '2001:db8::1', 'h/'])(
    'refuses the authority %j',
    (authority) => {
      expect(isAuthority(authority)).toBe(false);
    },
  );

  it('judges 64 KiB of one character at once', () => {
    expect(isPathAndQuery(`/${'a'.repeat(65_000)} `)).toBe(false);
    expect(isPathAndQuery('/'.repeat(65_000))).toBe(true);
    expect(isAuthority(`${'a'.repeat(65_000)} `)).toBe(false);
  });
});
