import { createHash, X509Certificate } from 'node:crypto';
import { createAuthority, issueIdentity } from '@higgins/cli';
import { QuicTransport } from '@higgins/quic';
import type { Connection, ConnectOptions, Transport } from '@higgins/transport';
import {
  type ComplianceCapabilities,
  type ComplianceHarness,
  type ComplianceIdentities,
  complianceCases,
} from '@higgins/transport/compliance';
import { WebTransportTransport } from '@higgins/transport/webtransport';
import { afterEach, beforeAll, beforeEach, describe, it } from 'vitest';
import { until } from '../../../support/until.js';
import { NodeWebTransportError, webTransportOver } from './node-web-transport.js';

const CAPABILITIES: ComplianceCapabilities = {
  ...{ listen: true, mutualTls: false, insecure: false, failureCauses: false },
  ...{ wideResetCodes: true, priorityChanges: false, datagrams: true },
  ...{ silence: false, serverLimits: true, limits: false },
};

let identities: ComplianceIdentities;
let client: QuicTransport;
let server: QuicTransport;

beforeAll(async () => {
  const [ours, theirs] = [await createAuthority(), await createAuthority()];
  const issue = (name: string) => issueIdentity(ours, { name, hosts: ['127.0.0.1'], days: 10 });
  identities = {
    server: await issue('server'),
    serverRenewed: await issue('server'),
    authoritiesPem: ours.certificatePem,
    otherAuthoritiesPem: theirs.certificatePem,
    client: await issue('agent'),
    clientExpired: await issueIdentity(ours, { name: 'agent', days: -1 }),
    clientUnknown: await issueIdentity(theirs, { name: 'agent' }),
  };
});

beforeEach(() => {
  [client, server] = [new QuicTransport(), new QuicTransport()];
});

afterEach(() => Promise.all([client.close(), server.close()]));

describe('BUS-69: any object of the W3C shape complies', () => {
  for (const { name, requires, run } of complianceCases) {
    // What the shape cannot express is skipped by name where a browser is tested (packages/quic).
    if (requires.every((what) => CAPABILITIES[what])) it(name, () => run(makeHarness()));
  }
});

function makeHarness(): ComplianceHarness {
  const transport = new WebTransportTransport({
    WebTransport: webTransportOver(client),
    WebTransportError: NodeWebTransportError,
  });
  return {
    capabilities: CAPABILITIES,
    identities,
    host: '127.0.0.1',
    protocols: ['moqt-18'],
    client: pinning(transport),
    server,
    url: (listener) => `https://127.0.0.1:${listener.port}`,
    // Port 1 is tcpmux: nobody has used it over UDP for decades.
    deadUrl: () => 'https://127.0.0.1:1',
    abortable() {
      const controller = new AbortController();
      return { signal: controller.signal, abort: () => controller.abort() };
    },
    waitFor: (condition) => until(condition),
    settle: (promise) => promise,
    silence() {
      throw new Error('the server is not silenced here');
    },
  };
}

/** The interface has no authorities: the server's certificate is pinned where the case trusts its authority. */
function pinning(transport: Transport): Transport {
  const certificate = new X509Certificate(identities.server.certificatePem).raw;
  const trusted = [new Uint8Array(createHash('sha256').update(certificate).digest())];
  return {
    listen: (options) => transport.listen(options),
    receiverSet: (events) => transport.receiverSet(events),
    close: () => transport.close(),
    connect({ authoritiesPem, ...options }: ConnectOptions): Promise<Connection> {
      const certificateHashes = authoritiesPem === identities.authoritiesPem ? trusted : [];
      return transport.connect({ ...options, certificateHashes });
    },
  };
}
