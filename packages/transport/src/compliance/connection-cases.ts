import {
  checkBytes,
  connect,
  connectPair,
  failureCode,
  join,
  mustOpen,
  passMarker,
  pattern,
  startServer,
} from './fixture.js';
import { type ComplianceCase, check, checkEqual, knownCause } from './harness.js';
import { Recorder } from './recorder.js';

/** Handshake, certificates, datagrams, closing. */
export const connectionCases: readonly ComplianceCase[] = [
  {
    name: 'both ends know protocol and address of the peer',
    requires: [],
    async run(harness) {
      const { client, server } = await connectPair(harness);
      checkEqual(client.peer.protocol, harness.protocols[0], 'the protocol at the client');
      checkEqual(server.peer.protocol, harness.protocols[0], 'the protocol at the server');
      check(/:\d+$/.test(server.peer.address), `the address is ${server.peer.address}, expected host:port`);
      check(client.id !== server.id || client !== server, 'both ends are one object');
    },
  },
  {
    name: 'the server chooses the first of its protocols that the client offers',
    requires: [],
    async run(harness) {
      const preferred = harness.protocols[0]!;
      const server = await startServer(harness, { protocols: ['unheard-of', preferred, 'older'] });
      const ends = await join(harness, server, { protocols: ['older', preferred] });
      checkEqual([ends.client.peer.protocol, ends.server.peer.protocol], [preferred, preferred], 'the protocols');
    },
  },
  {
    name: 'a server that speaks none of the protocols is a protocol mismatch',
    requires: [],
    async run(harness) {
      const server = await startServer(harness, { protocols: ['unheard-of'] });
      const code = await failureCode(harness, connect(harness, server, {}));
      checkEqual(code, knownCause(harness, 'protocol-mismatch'), 'the error');
      checkEqual(server.accepted.length, 0, 'the number of connections accepted');
    },
  },
  {
    name: 'connecting where nobody listens is refused or times out',
    requires: [],
    async run(harness) {
      const attempt = harness.client.connect({
        url: harness.deadUrl(),
        protocols: harness.protocols,
        authoritiesPem: harness.identities.authoritiesPem,
        limits: { idleTimeoutMs: 2000, keepAliveMs: 500 },
      });
      const code = await failureCode(harness, attempt);
      check(code === 'refused' || code === 'timed-out', `the error is ${code}, expected refused or timed-out`);
    },
  },
  {
    name: 'a URL of another form is an invalid address',
    requires: [],
    async run(harness) {
      const attempt = harness.client.connect({ url: 'http:/nowhere', protocols: harness.protocols });
      checkEqual(await failureCode(harness, attempt), 'address-invalid', 'the error');
    },
  },
  {
    name: 'a port that is taken cannot be listened on twice',
    requires: ['listen'],
    async run(harness) {
      const { listener } = await startServer(harness);
      const second = startServer(harness, { port: listener.port });
      checkEqual(await failureCode(harness, second), 'address-in-use', 'the error');
    },
  },
  {
    name: 'a server whose authority the client does not know is rejected',
    requires: [],
    async run(harness) {
      const server = await startServer(harness);
      const attempt = connect(harness, server, { authoritiesPem: harness.identities.otherAuthoritiesPem });
      const expected = knownCause(harness, 'certificate-rejected');
      checkEqual(await failureCode(harness, attempt), expected, 'the error');
    },
  },
  {
    name: 'an insecure client accepts any server',
    requires: ['insecure'],
    async run(harness) {
      const server = await startServer(harness);
      const { otherAuthoritiesPem } = harness.identities;
      await join(harness, server, { authoritiesPem: otherAuthoritiesPem, insecure: true });
    },
  },
  ...clientCertificateCases(),
  {
    name: 'a renewed certificate is shown to connections made from then on, and older ones stay',
    requires: ['mutualTls'],
    async run(harness) {
      const server = await startServer(harness);
      const before = await join(harness, server);
      const atBefore = Recorder.on(before.server);
      server.listener.reload(harness.identities.serverRenewed);
      const after = await join(harness, server);
      const [old, renewed] = [before.client.peer.certificate, after.client.peer.certificate];
      check(old !== null && renewed !== null, 'the server showed no certificate');
      check(String(old) !== String(renewed), 'the old certificate is still shown');
      await passMarker(harness, before.client, atBefore);
    },
  },
  {
    name: 'an attempt can be aborted',
    requires: [],
    async run(harness) {
      const { signal, abort } = harness.abortable();
      const attempt = harness.client.connect({ url: harness.deadUrl(), protocols: harness.protocols, signal });
      abort();
      checkEqual(await failureCode(harness, attempt), 'aborted', 'the error');
      const second = harness.client.connect({ url: harness.deadUrl(), protocols: harness.protocols, signal });
      checkEqual(await failureCode(harness, second), 'aborted', 'the error when the signal is aborted before');
    },
  },
  {
    name: 'a datagram arrives whole, in both directions',
    requires: ['datagrams'],
    async run(harness) {
      const { client, server, atClient, atServer } = await connectPair(harness);
      for (const [from, at] of [
        [client, atServer],
        [server, atClient],
      ] as const) {
        check(from.datagram(pattern(800)), 'a datagram of 800 bytes was not accepted');
        await harness.waitFor(() => at.datagrams.length === 1, 'the datagram has come');
        checkBytes(at.datagrams[0]!, pattern(800), 'the datagram');
      }
    },
  },
  {
    name: 'a datagram that no packet can hold is not accepted',
    requires: ['datagrams'],
    async run(harness) {
      const { client } = await connectPair(harness);
      checkEqual(client.datagram(pattern(100_000)), false, 'whether a datagram of 100,000 bytes was accepted');
    },
  },
  ...['client', 'server'].map(
    (closer): ComplianceCase => ({
      name: `a close by the ${closer} is told at both ends with code and reason`,
      requires: [],
      async run(harness) {
        const { client, server, atClient, atServer } = await connectPair(harness);
        (closer === 'client' ? client : server).close(0x51, 'done for today');
        checkEqual([atClient.closeInfo, atServer.closeInfo], [null, null], 'what was told from within the call');
        await harness.waitFor(() => atClient.closeInfo !== null && atServer.closeInfo !== null, 'both ends are closed');
        const [own, other] = closer === 'client' ? [atClient, atServer] : [atServer, atClient];
        const expected = { code: 0x51, reason: 'done for today' };
        checkEqual(pick(own), { ...expected, remote: false }, 'what the closer is told');
        checkEqual(pick(other), { ...expected, remote: true }, 'what the peer is told');
      },
    }),
  ),
  {
    name: 'after a close nothing follows, and methods do nothing',
    requires: [],
    async run(harness) {
      const { client, atClient, atServer } = await connectPair(harness);
      const stream = mustOpen(client, true);
      client.close(1, '');
      client.close(2, 'again');
      checkEqual(client.open(false, 0), null, 'a stream of a closed connection');
      client.write(stream, pattern(10), true);
      client.reset(stream, 1);
      checkEqual(client.datagram(pattern(10)), false, 'whether a closed connection accepts a datagram');
      await harness.waitFor(() => atClient.closeInfo !== null && atServer.closeInfo !== null, 'both ends are closed');
      checkEqual(atClient.closeInfo?.code, 1, 'the code');
      checkEqual([...atClient.violations, ...atServer.violations], [], 'what followed');
    },
  },
  {
    name: 'a closed listener refuses new connections and leaves the others alone',
    requires: ['listen'],
    async run(harness) {
      const server = await startServer(harness);
      const ends = await join(harness, server);
      const atServer = Recorder.on(ends.server);
      await harness.settle(server.listener.close());
      const attempt = connect(harness, server, { limits: { idleTimeoutMs: 2000, keepAliveMs: 500 } });
      const code = await failureCode(harness, attempt);
      check(code === 'refused' || code === 'timed-out', `the error is ${code}, expected refused or timed-out`);
      await passMarker(harness, ends.client, atServer);
    },
  },
  {
    name: 'a peer that falls silent is noticed after the idle time-out',
    requires: ['silence', 'limits'],
    async run(harness) {
      const { atClient } = await connectPair(harness, {
        clientLimits: { keepAliveMs: 200, idleTimeoutMs: 1000 },
        serverLimits: { keepAliveMs: 200, idleTimeoutMs: 1000 },
      });
      harness.silence();
      await harness.waitFor(() => atClient.closeInfo !== null, 'the client notices');
      checkEqual(atClient.closeInfo?.code, null, 'the code of a lost connection');
      check((atClient.closeInfo?.reason ?? '') !== '', 'the reason is empty, expected the cause');
    },
  },
  {
    name: 'keep-alive holds an idle connection beyond its idle time-out',
    requires: ['limits'],
    async run(harness) {
      const quiet = { keepAliveMs: 100, idleTimeoutMs: 500 };
      const pair = await connectPair(harness, { clientLimits: quiet, serverLimits: quiet });
      // A second connection without keep-alive ends by idle time-out: by then the first has been idle for as long.
      const idle = await connectPair(harness, {
        clientLimits: { keepAliveMs: 0, idleTimeoutMs: 1000 },
        serverLimits: { keepAliveMs: 0, idleTimeoutMs: 1000 },
      });
      await harness.waitFor(() => idle.atClient.closeInfo !== null, 'the connection without keep-alive ends');
      checkEqual(pair.atClient.closeInfo, null, 'how the connection with keep-alive ended');
      await passMarker(harness, pair.client, pair.atServer);
    },
  },
  {
    name: 'a closed transport closes its connections and makes no more',
    requires: [],
    async run(harness) {
      const server = await startServer(harness);
      const ends = await join(harness, server);
      const atServer = Recorder.on(ends.server);
      await harness.settle(harness.client.close());
      await harness.waitFor(() => atServer.closeInfo !== null, 'the server is told');
      checkEqual(await failureCode(harness, connect(harness, server, {})), 'closed', 'the error');
    },
  },
];

/** mTLS: requested, not required; judged after the handshake (design: browsers have no certificate). */
function clientCertificateCases(): ComplianceCase[] {
  const outcomes = [
    { who: 'a trusted certificate', identity: 'client', shown: true, trusted: true },
    { who: 'no certificate', identity: null, shown: false, trusted: false },
    { who: 'a certificate of an unknown authority', identity: 'clientUnknown', shown: true, trusted: false },
    { who: 'an expired certificate', identity: 'clientExpired', shown: true, trusted: false },
  ] as const;
  return outcomes.map(({ who, identity, shown, trusted }) => ({
    name: `a client with ${who} connects, and the server sees what it is worth`,
    requires: ['mutualTls'] as const,
    async run(harness) {
      const server = await startServer(harness);
      const own = identity === null ? {} : { identity: harness.identities[identity] };
      const { peer } = (await join(harness, server, own)).server;
      checkEqual(peer.certificate !== null, shown, 'whether a certificate is shown');
      checkEqual(peer.certificateError === null, trusted, `whether it is trusted (error: ${peer.certificateError})`);
      if (identity === 'clientExpired') checkEqual(peer.certificateError, 'expired', 'the reason');
      if (identity === null) checkEqual(peer.certificateError, 'no certificate', 'the reason');
    },
  }));
}

function pick(at: Recorder): unknown {
  const { code, reason, remote } = at.closeInfo!;
  return { code, reason, remote };
}
