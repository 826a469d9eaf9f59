import { checkBytes, connectPair, join, mustOpen, onlyStream, pattern, startServer } from './fixture.js';
import { type ComplianceCase, check, checkEqual } from './harness.js';
import { Recorder } from './recorder.js';

/** Stream credit, windows, backlog. */
export const limitCases: readonly ComplianceCase[] = [
  ...[true, false].map(
    (bidirectional): ComplianceCase => ({
      name: `opening beyond the ${bidirectional ? 'bidirectional' : 'unidirectional'} stream credit returns null, and credit is told when a stream has ended`,
      requires: ['limits'],
      async run(harness) {
        const { client, server, atClient, atServer } = await connectPair(harness, { serverLimits: fixedStreams(3) });
        const streams = [0, 1, 2].map(() => mustOpen(client, bidirectional));
        for (const stream of streams) client.write(stream, pattern(10), false);
        checkEqual(client.open(bidirectional, 0), null, 'the stream beyond the credit');
        await harness.waitFor(() => atServer.streams.length === 3, 'the streams have come');
        checkEqual(client.open(bidirectional, 0), null, 'the stream beyond the credit, once more');
        client.write(streams[0]!, pattern(1), true);
        await harness.waitFor(() => atServer.finished.length === 1, 'the first stream has ended');
        if (bidirectional) server.write(atServer.finished[0]!, new Uint8Array(0), true);
        const kind = bidirectional ? 'bidirectional' : 'unidirectional';
        await harness.waitFor(() => atClient.credits[kind] === 1, 'credit is told');
        client.write(mustOpen(client, bidirectional), pattern(2), true);
        await harness.waitFor(() => atServer.streams.length === 4, 'the further stream has come');
      },
    }),
  ),
  {
    name: 'stream credit grows on demand up to its ceiling',
    requires: ['limits'],
    async run(harness) {
      const ceiling = 24;
      const { client, atServer, atClient } = await connectPair(harness, {
        serverLimits: { unidirectionalStreamsInitial: 2, unidirectionalStreamsMax: ceiling },
      });
      let opened = 0;
      while (opened < ceiling) {
        const stream = client.open(false, 0);
        if (stream === null) {
          const known = atClient.credits.unidirectional;
          await harness.waitFor(() => atClient.credits.unidirectional > known, `credit for stream ${opened + 1}`);
        } else {
          client.write(stream, pattern(1), false);
          opened += 1;
        }
      }
      await harness.waitFor(() => atServer.streams.length === ceiling, 'all streams have come');
      checkEqual(client.open(false, 0), null, 'the stream beyond the ceiling');
    },
  },
  {
    name: 'a receiver that does not listen yet holds the sender back at its window',
    requires: ['limits'],
    async run(harness) {
      const windowBytes = 64 * 1024;
      const sizeBytes = 512 * 1024;
      const server = await startServer(harness, {
        limits: { connectionWindowBytes: 4 * windowBytes, streamWindowBytes: windowBytes },
      });
      const ends = await join(harness, server);
      const atClient = Recorder.on(ends.client);
      ends.client.write(mustOpen(ends.client, false), pattern(sizeBytes), true);
      for (let round = 1; round <= 20; round += 1) {
        ends.server.write(mustOpen(ends.server, false), pattern(1), true);
        await harness.waitFor(() => atClient.finished.length === round, 'a stream from the server has come');
      }
      check(
        ends.client.backlogBytes() >= sizeBytes - windowBytes,
        `the backlog is ${ends.client.backlogBytes()}, expected at least ${sizeBytes - windowBytes}: the rest is beyond the window`,
      );
      const atServer = Recorder.on(ends.server);
      await harness.waitFor(() => atServer.finished.length === 1, 'the stream has come');
      checkBytes(atServer.bytes(onlyStream(atServer)), pattern(sizeBytes), 'the stream');
    },
  },
  {
    name: 'one stream at its window does not hold back another',
    requires: ['serverLimits'],
    async run(harness) {
      const server = await startServer(harness, {
        limits: { connectionWindowBytes: 1024 * 1024, streamWindowBytes: 16 * 1024 },
      });
      const ends = await join(harness, server);
      Recorder.on(ends.client);
      ends.client.write(mustOpen(ends.client, false), pattern(200 * 1024, 1), false);
      ends.client.write(mustOpen(ends.client, false), pattern(300, 2), true);
      const atServer = Recorder.on(ends.server);
      await harness.waitFor(() => atServer.finished.length === 1, 'the small stream has come');
      checkBytes(atServer.bytes(atServer.finished[0]!), pattern(300, 2), 'the small stream');
      await harness.waitFor(() => atServer.streams.some((id) => atServer.size(id) === 200 * 1024), 'the large one too');
    },
  },
  {
    name: 'a transfer far beyond the connection window completes',
    requires: ['serverLimits'],
    async run(harness) {
      const { client, atServer } = await connectPair(harness, {
        serverLimits: { connectionWindowBytes: 48 * 1024, streamWindowBytes: 16 * 1024 },
      });
      const size = 300 * 1024;
      for (let index = 0; index < 4; index += 1) client.write(mustOpen(client, false), pattern(size, index), true);
      await harness.waitFor(() => atServer.finished.length === 4, 'all streams have come');
      for (const stream of atServer.streams) checkEqual(atServer.size(stream), size, 'the size of a stream');
    },
  },
  {
    name: 'the backlog counts what is not acknowledged, and drained is told once',
    requires: [],
    async run(harness) {
      const { client, atClient, atServer } = await connectPair(harness);
      checkEqual(client.backlogBytes(), 0, 'the backlog at the beginning');
      client.write(mustOpen(client, false), pattern(700_000), true);
      checkEqual(client.backlogBytes(), 700_000, 'the backlog after a write');
      client.notifyBacklogBelow(1);
      await harness.waitFor(() => atClient.drains === 1, 'drained is told');
      checkEqual(client.backlogBytes(), 0, 'the backlog when drained');
      checkEqual(atServer.finished.length, 1, 'the streams that have come');
      client.write(mustOpen(client, false), pattern(1000), true);
      await harness.waitFor(() => client.backlogBytes() === 0, 'the backlog is gone again');
      checkEqual(atClient.drains, 1, 'how often drained was told');
    },
  },
  {
    name: 'drained is told at once, but not from within the call, when the backlog is below the mark',
    requires: [],
    async run(harness) {
      const { client, atClient } = await connectPair(harness);
      client.notifyBacklogBelow(1000);
      checkEqual(atClient.drains, 0, 'drained from within the call');
      await harness.waitFor(() => atClient.drains === 1, 'drained is told');
    },
  },
  {
    name: 'reset takes what was not sent out of the backlog',
    requires: ['serverLimits'],
    async run(harness) {
      const { client, atServer } = await connectPair(harness, {
        serverLimits: { connectionWindowBytes: 16 * 1024, streamWindowBytes: 16 * 1024 },
      });
      const stream = mustOpen(client, false);
      client.write(stream, pattern(4 * 1024 * 1024), true);
      client.reset(stream, 2);
      await harness.waitFor(() => client.backlogBytes() === 0, 'the backlog is gone');
      await harness.waitFor(() => atServer.resets.size === 1, 'the reset has come');
      checkEqual(atServer.finished, [], 'the streams that have ended');
    },
  },
  {
    name: 'a connection whose backlog goes beyond its limit is closed as too slow',
    requires: [],
    async run(harness) {
      const { client, atClient, atServer } = await connectPair(harness, { clientLimits: { backlogBytesMax: 100_000 } });
      client.write(mustOpen(client, false), pattern(200_000), true);
      checkEqual(atClient.closeInfo, null, 'closed from within the call');
      await harness.waitFor(() => atClient.closeInfo !== null && atServer.closeInfo !== null, 'both ends are closed');
      checkEqual([atClient.closeInfo?.code, atClient.closeInfo?.remote], [null, false], 'how it was closed');
      checkEqual(atServer.closeInfo?.remote, true, 'who closed it, for the peer');
    },
  },
];

function fixedStreams(count: number) {
  return {
    bidirectionalStreamsInitial: count,
    bidirectionalStreamsMax: count,
    unidirectionalStreamsInitial: count,
    unidirectionalStreamsMax: count,
  };
}
