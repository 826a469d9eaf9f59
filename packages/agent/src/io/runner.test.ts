import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { parseListEntries } from '@higgins/signals';
import { expect, it } from 'vitest';
import { AgentCore } from '../core/agent-core.js';
import type { ListValue } from '../core/list.js';
import type { ListTarget } from '../core/list-target.js';
import { Runner } from './runner.js';

const TRACK = 'org/acme/lists/blocked';
const TRANSACTION_MS = 1000;

it('does not spin while a value comes to its end in the middle of a slow transaction', async () => {
  const world = new VirtualWorld({ seed: 1 });
  const runtime = new VirtualMachine(world, { name: 'pop' }).start();
  const core = new AgentCore([{ id: TRACK, track: TRACK }]);
  const enforced: string[] = [];
  const target: ListTarget = {
    enforce: (id) =>
      new Promise((resolve) => {
        runtime.at(runtime.bootMs() + TRANSACTION_MS, () => {
          enforced.push(id);
          resolve({ transactions: 1, intervals: 0, appliedBootMs: runtime.bootMs() });
        });
      }),
    changedByOthers: async () => false,
    repair: async () => false,
    beginVerification: async () => undefined,
  };
  const events = { enforced() {}, failed() {}, structureRepaired() {}, verificationFailed() {} };
  const runner = new Runner({ core, target, runtime, events, acknowledge() {} });
  runner.start();
  core.value(TRACK, value(runtime.bootMs() + TRANSACTION_MS / 2));
  runner.turn();
  await world.runWhile(() => world.steps < 500, 2 * TRANSACTION_MS);
  expect(enforced.length).toBeGreaterThan(0);
  expect(world.steps).toBeLessThan(20);
});

function value(deadlineBootMs: number): ListValue {
  const { ipv4, ipv6 } = parseListEntries(['198.51.100.7']);
  return { group: 1, version: 1, ipv4, ipv6, onExpiry: 'open', deadlineBootMs, ttlMs: 1000, publishedWallMs: 0 };
}
