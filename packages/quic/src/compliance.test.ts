import type { Listener } from '@higgins/transport';
import {
  type ComplianceCapabilities,
  type ComplianceHarness,
  type ComplianceIdentities,
  complianceCases,
} from '@higgins/transport/compliance';
import { afterEach, beforeAll, beforeEach, describe, it } from 'vitest';
import { QuicTransport } from './quic-transport.js';
import { makeAuthority } from './testing/certificates.js';
import { Forwarder } from './testing/forwarder.js';
import { settle, waitFor } from './testing/waiting.js';

const SCHEMES = { 'raw QUIC': 'moqt', WebTransport: 'https' };
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

let identities: ComplianceIdentities;

beforeAll(async () => {
  const [ours, theirs] = [await makeAuthority('ours'), await makeAuthority('theirs')];
  identities = {
    server: await ours.issue('server'),
    serverRenewed: await ours.issue('server'),
    authoritiesPem: ours.certificatePem,
    otherAuthoritiesPem: theirs.certificatePem,
    client: await ours.issue('agent'),
    clientExpired: await ours.issue('agent', -1),
    clientUnknown: await theirs.issue('agent'),
  };
});

for (const [name, scheme] of Object.entries(SCHEMES)) {
  describe(`check 2, BUS-69: the addon complies over ${name}`, () => {
    let client: QuicTransport;
    let server: QuicTransport;
    let forwarder: Forwarder;

    beforeEach(async () => {
      [client, server] = [new QuicTransport(), new QuicTransport()];
      forwarder = await Forwarder.start();
    });
    afterEach(async () => {
      await Promise.all([client.close(), server.close()]);
      forwarder.close();
    });

    for (const { name, requires, run } of complianceCases) {
      it(name, () => run(makeHarness(requires.includes('silence'))));
    }

    function makeHarness(throughForwarder: boolean): ComplianceHarness {
      return {
        capabilities: ALL,
        identities,
        host: '127.0.0.1',
        protocols: ['moqt-18'],
        client,
        server,
        url(listener: Listener) {
          forwarder.target = listener.port;
          return `${scheme}://127.0.0.1:${throughForwarder ? forwarder.port : listener.port}`;
        },
        // Port 1 is tcpmux: nobody has used it over UDP for decades.
        deadUrl: () => `${scheme}://127.0.0.1:1`,
        abortable() {
          const controller = new AbortController();
          return { signal: controller.signal, abort: () => controller.abort() };
        },
        waitFor,
        settle,
        silence: () => forwarder.silence(),
      };
    }
  });
}
