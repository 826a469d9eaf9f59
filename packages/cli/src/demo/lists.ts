import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type IpSet, Ipv4Matcher, Ipv6Matcher, parseAddress, prefixTexts } from '@higgins/ipdata';
import { readListFiles } from '../lists/list-files.js';

const DATA = fileURLToPath(new URL('../../../../examples/data/ip-lists', import.meta.url));

/** The releases of the providers' lists that the demo publishes, in order. */
export const RELEASES = ['2026-02-21', '2026-08-21'] as const;
export type Release = (typeof RELEASES)[number];

/** A real list, what the PoPs do with it, and what becomes of it when its time is up. */
export interface DemoList {
  readonly provider: 'github' | 'amazon';
  readonly track: string;
  readonly action: 'block' | 'allow';
  readonly onExpiry: 'open' | 'closed';
  /** The UDP service that it guards. */
  readonly port: number;
}

/** One list that fails open and one that fails closed. */
export const LISTS: readonly DemoList[] = [
  { provider: 'github', track: 'org/demo/lists/github', action: 'block', onExpiry: 'open', port: 7001 },
  { provider: 'amazon', track: 'org/demo/lists/amazon', action: 'allow', onExpiry: 'closed', port: 7002 },
];

/** Addresses to send packets from. */
export interface Sources {
  /** In both releases. */
  readonly listed: { readonly ipv4: string; readonly ipv6: string };
  /** In the second release only; IPv4. */
  readonly added: string;
}

/** From the documentation ranges (RFC 5737, RFC 3849), which no provider lists. */
export const UNLISTED = { ipv4: '203.0.113.9', ipv6: '2001:db8::9' } as const;

export function listFiles(list: DemoList, release: Release): string[] {
  return ['ipv4', 'ipv6'].map((family) => join(DATA, release, `${list.provider}-${family}.txt`));
}

/** Entries of a release, IPv4 and IPv6. */
export function readRelease(list: DemoList, release: Release): IpSet {
  return readListFiles(listFiles(list, release));
}

/** Picks addresses of real entries. */
export function sourcesOf(list: DemoList): Sources {
  const [before, after] = RELEASES.map((release) => readRelease(list, release)) as [IpSet, IpSet];
  const [ipv4, ipv6] = [new Ipv4Matcher(before.ipv4), new Ipv6Matcher(before.ipv6)];
  return {
    listed: {
      ipv4: firstHost(after, 4, (words) => ipv4.has(words[0] ?? 0)),
      ipv6: firstHost(after, 6, (words) => ipv6.has(words)),
    },
    added: firstHost(after, 4, (words) => !ipv4.has(words[0] ?? 0)),
  };
}

/** The first host address of the first prefix whose host satisfies `wanted`. */
function firstHost(set: IpSet, family: 4 | 6, wanted: (words: Uint32Array) => boolean): string {
  for (const text of prefixTexts(family === 4 ? set.ipv4 : set.ipv6)) {
    const [network = '', length = ''] = text.split('/');
    if (Number(length) > (family === 4 ? 24 : 64)) continue;
    const host = family === 4 ? network.replace(/\d+$/, '9') : network.replace(/::$/, '::9');
    if (wanted(parseAddress(host).words)) return host;
  }
  throw new Error(`the list has no suitable IPv${family} prefix`);
}
