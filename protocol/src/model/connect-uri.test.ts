import { expect, it } from 'vitest';
import { setupOptionsOf } from './connect-uri.js';

it('takes authority, path and query of a moqt URI as they are, and nothing of another', () => {
  expect(setupOptionsOf('moqt://relay.example:4443/a%20b/c?token=x#part')).toEqual({
    authority: 'relay.example:4443',
    path: '/a%20b/c?token=x',
  });
  expect(setupOptionsOf('moqt://[::1]:4443')).toEqual({ authority: '[::1]:4443', path: '' });
  expect(setupOptionsOf('MOQT://relay?x')).toEqual({ authority: 'relay', path: '?x' });
  expect(setupOptionsOf('https://relay.example/path')).toEqual({});
});
