import { readdirSync, readFileSync } from 'node:fs';
import { diff, prefixTexts } from '@higgins/ipdata';
import { describe, expect, it } from 'vitest';
import { countEntries, type NamedList, organisationList, parseListEntries } from '../index.js';

const DATA = new URL('../../../../examples/data/ip-lists/', import.meta.url);
const releases = readdirSync(DATA).sort();

function linesOf(release: string, provider: string): string[] {
  return ['ipv4', 'ipv6'].flatMap((family) =>
    readFileSync(new URL(`${release}/${provider}-${family}.txt`, DATA), 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
  );
}

function listOf(lines: readonly string[]): NamedList {
  return { owner: 'platform', version: 1, createdWallMs: null, expiry: 'hold', entries: parseListEntries(lines) };
}

describe.each(['github', 'amazon'])('the lists of %s', (provider) => {
  it.each(releases)('BUS-74: round-trip in release %s, packed in less than half of their text', (release) => {
    const lines = linesOf(release, provider);
    const encoded = organisationList.encode(listOf(lines));
    const { entries } = organisationList.decode(encoded);
    expect(countEntries(entries)).toBe(lines.length);
    expect([...prefixTexts(entries.ipv4), ...prefixTexts(entries.ipv6)].sort()).toEqual([...lines].sort());
    expect(encoded.length * 2).toBeLessThan(lines.join('\n').length);
  });

  it('BUS-74: change from release to release by what the texts say', () => {
    for (const [index, release] of releases.entries()) {
      if (index === 0) continue;
      const before = new Set(linesOf(releases[index - 1]!, provider));
      const after = new Set(linesOf(release, provider));
      const [from, to] = [listOf([...before]).entries, listOf([...after]).entries];
      const changes = [diff(from.ipv4, to.ipv4), diff(from.ipv6, to.ipv6)];
      expect(new Set(changes.flatMap(({ added }) => [...prefixTexts(added)]))).toEqual(after.difference(before));
      expect(new Set(changes.flatMap(({ removed }) => [...prefixTexts(removed)]))).toEqual(before.difference(after));
    }
  });
});
