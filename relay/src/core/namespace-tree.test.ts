import { type TrackNamespace, trackNamespace } from '@higgins/protocol';
import { expect, it } from 'vitest';
import { NamespaceTree } from './namespace-tree.js';

function namespace(path: string): TrackNamespace {
  return trackNamespace(path === '' ? [] : path.split('/').map((field) => new TextEncoder().encode(field)));
}

function treeOf(...paths: string[]): NamespaceTree<string> {
  const tree = new NamespaceTree<string>();
  for (const path of paths) tree.add(namespace(path), path);
  return tree;
}

it('matches whole fields only, in both directions', () => {
  const tree = treeOf('foo', 'foo/bar', 'foobar', 'foo/bar/baz', '');
  expect([...tree.prefixesOf(namespace('foo/bar'))]).toEqual(['', 'foo', 'foo/bar']);
  expect([...tree.prefixesOf(namespace('foobar/x'))]).toEqual(['', 'foobar']);
  expect([...tree.startingWith(namespace('foo'))]).toEqual(['foo', 'foo/bar', 'foo/bar/baz']);
  expect([...tree.startingWith(namespace('f'))]).toEqual([]);
  expect([...tree.startingWith(namespace(''))].length).toBe(5);
});

it('forgets what is removed, and keeps what shares its branch', () => {
  const tree = treeOf('a/b/c', 'a/b');
  tree.add(namespace('a/b/c'), 'again');
  tree.remove(namespace('a/b/c'), 'a/b/c');
  tree.remove(namespace('x/y'), 'unknown');
  expect([...tree.startingWith(namespace('a'))]).toEqual(['a/b', 'again']);
  tree.remove(namespace('a/b/c'), 'again');
  tree.remove(namespace('a/b'), 'a/b');
  expect([...tree.startingWith(namespace(''))]).toEqual([]);
});
