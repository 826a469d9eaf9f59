import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, it } from 'vitest';
import { type ComplianceCapabilities, type ComplianceHarness, complianceCases } from '../compliance/index.js';
import { MemoryNetwork, memoryAuthorities, memoryIdentity } from './index.js';

const LINKS = {
  'on a clean link': { latencyMs: 5 },
  'on a link with jitter, loss and reordering': { latencyMs: 20, jitterMs: 10, lossRate: 0.05, reorderRate: 0.1 },
  'on a narrow link': { latencyMs: 10, bytesPerSecond: 500_000 },
};
/** It can do whatever a case may ask for. */
const ALL: ComplianceCapabilities = {
  ...{
    listen: true,
    mutualTls: true,
    insecure: true,
    failureCauses: true,
    wideResetCodes: true,
    priorityChanges: true,
  },
  ...{ datagrams: true, silence: true, serverLimits: true, limits: true },
};
/** Virtual time that a condition may take: the largest transfer on the narrow link takes 12 s. */
const WAIT_LIMIT_MS = 60_000;

for (const [circumstances, link] of Object.entries(LINKS)) {
  describe(`check 2, BUS-69: the in-memory network complies ${circumstances}`, () => {
    for (const { name, requires, run } of complianceCases) {
      // A datagram may be lost on a lossy link; that it arrives is shown on the others.
      if ('lossRate' in link && requires.includes('datagrams')) continue;
      it(name, () => run(makeHarness(link)));
    }
  });
}

function makeHarness(link: { latencyMs: number }): ComplianceHarness {
  const world = new VirtualWorld({ seed: 7 });
  const network = new MemoryNetwork(world, { link });
  const serverProcess = new VirtualMachine(world, { name: 'server' }).start();
  const clientProcess = new VirtualMachine(world, { name: 'client' }).start();
  return {
    capabilities: ALL,
    identities: {
      server: memoryIdentity({ issuer: 'ours', subject: 'server' }),
      serverRenewed: memoryIdentity({ issuer: 'ours', subject: 'server', notBeforeMs: 1 }),
      authoritiesPem: memoryAuthorities('ours'),
      otherAuthoritiesPem: memoryAuthorities('theirs'),
      client: memoryIdentity({ issuer: 'ours', subject: 'agent' }),
      clientExpired: memoryIdentity({ issuer: 'ours', subject: 'agent', notAfterMs: world.startWallMs - 1 }),
      clientUnknown: memoryIdentity({ issuer: 'theirs', subject: 'agent' }),
    },
    host: 'server',
    protocols: ['moqt-18'],
    client: network.transport(clientProcess),
    server: network.transport(serverProcess),
    url: (listener) => `moqt://server:${listener.port}`,
    deadUrl: () => 'moqt://server:1',
    abortable() {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort() };
    },
    async waitFor(condition, what) {
      if (!(await world.runUntilTrue(condition, WAIT_LIMIT_MS))) throw new Error(`in vain: ${what}`);
    },
    settle: (promise) => world.runUntilSettled(promise, WAIT_LIMIT_MS),
    silence: () => serverProcess.kill(),
  };
}
