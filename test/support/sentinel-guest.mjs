// Runs inside a microVM: enforces, renews, lets expire and enforces again, and prints what the kernel said as one line of JSON.

import { execFileSync } from 'node:child_process';
import { release } from 'node:os';
import { NftTarget } from '../../packages/agent/dist/targets/nft/target.js';
import { emptyPrefixSet, parseIpSet } from '../../packages/ipdata/dist/index.js';
import { Netlink } from '../../packages/netlink/dist/index.js';

const bootMs = () => performance.now();
const netlink = new Netlink();
const memory = { read: async () => null, write: async () => {} };
const enforcement = {
  ...{ id: 'blocked', hook: 'prerouting', priority: -150, interfaces: [], ports: { tcp: [], udp: [] } },
  ...{ match: 'source', action: 'block', refusal: 'drop', initialExpiry: 'unset' },
};
const target = new NftTarget({
  table: 'higgins',
  lists: [{ enforcement, onExpiry: null }],
  netlink,
  store: memory,
  bootMs,
});
await target.repair();

const { ipv4 } = parseIpSet(['10.0.0.0/8', '192.0.2.0/24']);
const ttlMs = 4_000;
let group = 0;
const enforce = (lifeMs) => {
  const deadlineBootMs = bootMs() + lifeMs;
  const value = {
    group: ++group,
    version: 1,
    ipv4,
    ipv6: emptyPrefixSet(6),
    onExpiry: 'closed',
    deadlineBootMs,
    ttlMs,
    publishedWallMs: null,
  };
  return target.enforce('blocked', value, AbortSignal.timeout(60_000));
};
const sentinel = async () => {
  const { sets } = await netlink.snapshot({ family: 'inet', name: 'higgins' }, [
    { set: 'blocked_alive', layout: 'plain' },
  ]);
  return { count: sets[0].count, leftMs: Math.min(...sets[0].expiresMs) };
};

await enforce(ttlMs);
const first = await sentinel();
const renewal = await enforce(60_000);
const renewed = await sentinel();
await enforce(300);
while ((await sentinel()).count > 0) await new Promise((resolve) => setTimeout(resolve, 20));
await enforce(60_000);
const again = await sentinel();
const elements = execFileSync('nft', ['list', 'set', 'inet', 'higgins', 'blocked_ipv4_0'], { encoding: 'utf8' });
console.log(`RESULT ${JSON.stringify({ kernel: release(), first, renewal, renewed, again, elements })}`);
