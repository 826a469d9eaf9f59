import { type TrackNamespace, trackNamespace } from '@higgins/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TestPeer } from '../testing/test-peer.js';
import { TestWorld, trackOf } from '../testing/test-world.js';

const PATHS = ['', 'a', 'a/b', 'a/b/c', 'a/d'];
const CLIENTS = 2;

/** Someone takes up an interest or an announcement, or gives it up. */
const step = fc.record({
  client: fc.nat(CLIENTS - 1),
  at: fc.constantFrom<'edge' | 'origin'>('edge', 'origin'),
  what: fc.constantFrom<'interest' | 'announcement'>('interest', 'announcement'),
  path: fc.constantFrom(...PATHS),
});

const namespaceOf = (path: string): TrackNamespace => (path === '' ? trackNamespace([]) : trackOf(path).namespace);
const starts = (path: string, prefix: string) => prefix === '' || path === prefix || path.startsWith(`${prefix}/`);

function textOf(namespace: TrackNamespace): string {
  return namespace.fields.map((field) => new TextDecoder().decode(field)).join('/');
}

function known(peer: TestPeer, request: number): string[] {
  const names = new Set<string>();
  for (const notice of peer.notices) {
    if (notice.kind === 'namespace' && notice.request === request) names.add(textOf(notice.namespace));
    if (notice.kind === 'namespace-done' && notice.request === request) names.delete(textOf(notice.namespace));
  }
  return [...names].sort();
}

it('N095, N129: whoever is interested knows what is published, over two tiers, whatever comes and goes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      const world = new TestWorld();
      const origin = await world.relay('origin');
      const edge = await world.relay('edge', { upstreams: ['origin'] });
      await world.until(() => edge.node.core.links.connected);
      const peers: Record<'edge' | 'origin', TestPeer[]> = { edge: [], origin: [] };
      for (let count = 0; count < CLIENTS; count++) {
        for (const at of ['edge', 'origin'] as const) peers[at].push(await world.client(at));
      }
      const open = new Map<string, { peer: TestPeer; request: number; path: string; what: string; at: string }>();
      for (const { client, at, what, path } of steps) {
        const key = `${at}/${client}/${what}/${path}`;
        const peer = peers[at][client]!;
        const before = open.get(key);
        if (before !== undefined) {
          open.delete(key);
          peer.cancel(before.request);
          continue;
        }
        if (what === 'announcement' && path === '') continue;
        const overlaps = [...open.values()].some(
          (other) =>
            other.peer === peer && other.what === what && (starts(other.path, path) || starts(path, other.path)),
        );
        if (what === 'interest' && overlaps) continue;
        const { session } = peer;
        const namespace = namespaceOf(path);
        const request =
          what === 'interest' ? session.subscribeNamespace(namespace) : session.publishNamespace(namespace);
        peer.pump();
        open.set(key, { peer, request, path, what, at });
        await world.pass(client);
      }
      await world.pass(20_000);
      const published = [...open.values()].filter(({ what }) => what === 'announcement').map(({ path }) => path);
      for (const { peer, request, path, what } of open.values()) {
        if (what !== 'interest') continue;
        const expected = [...new Set(published.filter((name) => starts(name, path)))].sort();
        expect(known(peer, request)).toEqual(expected);
      }
      // The edge asks for no more than the shortest prefixes.
      const wanted = new Set(
        [...open.values()].filter(({ what, at }) => what === 'interest' && at === 'edge').map(({ path }) => path),
      );
      const shortest = [...wanted].filter(
        (path) => ![...wanted].some((other) => other !== path && starts(path, other)),
      );
      const [upstream] = [...edge.node.core.upstreams];
      const asked = [...upstream!.requests.values()].flatMap((own) =>
        own.kind === 'interest' ? [textOf(own.prefix)] : [],
      );
      expect(asked.sort()).toEqual(shortest.sort());
      expect(origin.node.core.counters.sessions).toBe(CLIENTS + 1);
    }),
    { seed: 18, numRuns: 60 },
  );
});
