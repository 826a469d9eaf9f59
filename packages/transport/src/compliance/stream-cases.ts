import { checkBytes, connectPair, join, mustOpen, onlyStream, passMarker, pattern, startServer } from './fixture.js';
import { type ComplianceCase, check, checkEqual } from './harness.js';
import { Recorder } from './recorder.js';

/** Streams: bytes, ends, resets, STOP_SENDING, priorities. */
export const streamCases: readonly ComplianceCase[] = [
  {
    name: 'a unidirectional stream carries bytes and FIN in both directions',
    requires: [],
    async run(harness) {
      const { client, server, atClient, atServer } = await connectPair(harness);
      for (const [from, at] of [
        [client, atServer],
        [server, atClient],
      ] as const) {
        from.write(mustOpen(from, false), pattern(1000), true);
        await harness.waitFor(() => at.finished.length === 1, 'the stream has come');
        const stream = onlyStream(at);
        check(!at.bidirectional.has(stream), 'a unidirectional stream was told as bidirectional');
        checkBytes(at.bytes(stream), pattern(1000), 'the stream');
      }
    },
  },
  {
    name: 'a bidirectional stream is half closed by FIN and answered on its other half',
    requires: [],
    async run(harness) {
      const { client, server, atClient, atServer } = await connectPair(harness);
      const stream = mustOpen(client, true);
      client.write(stream, pattern(10, 1), true);
      await harness.waitFor(() => atServer.finished.length === 1, 'the request has come');
      const accepted = onlyStream(atServer);
      check(atServer.bidirectional.has(accepted), 'a bidirectional stream was told as unidirectional');
      server.write(accepted, pattern(20, 2), false);
      await harness.waitFor(() => atClient.size(stream) === 20, 'the answer has come');
      check(!atClient.hasFinished(stream), 'the answer ended though it was not finished');
      server.write(accepted, pattern(5, 3), true);
      await harness.waitFor(() => atClient.hasFinished(stream), 'the end of the answer has come');
      checkEqual(atClient.size(stream), 25, 'the size of the answer');
    },
  },
  {
    name: 'FIN can come alone, after the data and on a stream without any',
    requires: [],
    async run(harness) {
      const { client, atServer } = await connectPair(harness);
      const first = mustOpen(client, false);
      client.write(first, pattern(3), false);
      await harness.waitFor(() => atServer.streams.length === 1, 'the data has come');
      client.write(first, new Uint8Array(0), true);
      await harness.waitFor(() => atServer.finished.length === 1, 'FIN has come');
      client.write(mustOpen(client, false), new Uint8Array(0), true);
      await harness.waitFor(() => atServer.finished.length === 2, 'FIN of the empty stream has come');
      checkEqual(atServer.size(atServer.streams[1]!), 0, 'the size of the empty stream');
    },
  },
  {
    name: 'a large write arrives whole and in order',
    requires: [],
    async run(harness) {
      const { client, atServer } = await connectPair(harness);
      const size = 3 * 1024 * 1024 + 17;
      client.write(mustOpen(client, false), pattern(size), true);
      await harness.waitFor(() => atServer.finished.length === 1, 'the stream has come');
      checkBytes(atServer.bytes(onlyStream(atServer)), pattern(size), 'the stream');
    },
  },
  {
    name: 'many small writes of one stream arrive in order',
    requires: [],
    async run(harness) {
      const { client, atServer } = await connectPair(harness);
      const stream = mustOpen(client, false);
      const all = pattern(5000);
      for (let offset = 0; offset < all.length; offset += 7) {
        client.write(stream, all.slice(offset, offset + 7), offset + 7 >= all.length);
      }
      await harness.waitFor(() => atServer.finished.length === 1, 'the stream has come');
      checkBytes(atServer.bytes(onlyStream(atServer)), all, 'the stream');
    },
  },
  {
    name: 'many streams at once keep their bytes apart',
    requires: [],
    async run(harness) {
      const { client, server, atClient, atServer } = await connectPair(harness);
      const count = 60;
      for (let index = 0; index < count; index += 1) {
        client.write(mustOpen(client, index % 2 === 0), pattern(100 + index, index), true);
      }
      await harness.waitFor(() => atServer.finished.length === count, 'all streams have come');
      const sizes = atServer.streams.map((stream) => atServer.size(stream)).sort((left, right) => left - right);
      checkEqual(
        sizes,
        Array.from({ length: count }, (_, index) => 100 + index),
        'the sizes of the streams',
      );
      for (const stream of atServer.streams) {
        const size = atServer.size(stream);
        checkBytes(atServer.bytes(stream), pattern(size, size - 100), `stream ${stream}`);
      }
      checkEqual([...atServer.violations, ...atClient.violations], [], 'what came out of order');
      checkEqual(server.backlogBytes(), 0, 'the backlog of a side that wrote nothing');
    },
  },
  {
    name: 'reset abandons a stream with its code, and nothing of it follows',
    requires: [],
    async run(harness) {
      const { client, atServer } = await connectPair(harness);
      const stream = mustOpen(client, false);
      client.write(stream, pattern(10), false);
      await harness.waitFor(() => atServer.streams.length === 1, 'the stream has come');
      client.reset(stream, 0x12);
      client.write(stream, pattern(10), true);
      await harness.waitFor(() => atServer.resets.size === 1, 'the reset has come');
      checkEqual(atServer.resets.get(atServer.streams[0]!), 0x12, 'the code of the reset');
      await passMarker(harness, client, atServer);
      checkEqual(atServer.violations, [], 'what followed the reset');
    },
  },
  {
    name: 'the code of a reset has 32 bits',
    requires: ['wideResetCodes'],
    async run(harness) {
      const { client, atServer } = await connectPair(harness);
      const stream = mustOpen(client, false);
      client.write(stream, pattern(10), false);
      await harness.waitFor(() => atServer.streams.length === 1, 'the stream has come');
      client.reset(stream, 0xfedc_ba98);
      await harness.waitFor(() => atServer.resets.size === 1, 'the reset has come');
      checkEqual(atServer.resets.get(atServer.streams[0]!), 0xfedc_ba98, 'the code of the reset');
    },
  },
  {
    name: 'reset of a stream that nothing was written to is told',
    requires: [],
    async run(harness) {
      const { client, atServer } = await connectPair(harness);
      client.reset(mustOpen(client, false), 7);
      await harness.waitFor(() => atServer.resets.size === 1, 'the reset has come');
      checkEqual(atServer.resets.get(onlyStream(atServer)), 7, 'the code of the reset');
    },
  },
  {
    name: 'STOP_SENDING reaches the sender with its code, and resets nothing by itself',
    requires: [],
    async run(harness) {
      const { client, server, atClient, atServer } = await connectPair(harness);
      const stream = mustOpen(client, false);
      client.write(stream, pattern(10), false);
      await harness.waitFor(() => atServer.streams.length === 1, 'the stream has come');
      server.stopSending(atServer.streams[0]!, 99);
      await harness.waitFor(() => atClient.stops.size === 1, 'STOP_SENDING has come');
      checkEqual(atClient.stops.get(stream), 99, 'the code of STOP_SENDING');
      client.reset(stream, 5);
      await passMarker(harness, client, atServer);
    },
  },
  {
    name: 'after STOP_SENDING the data of the stream is discarded',
    requires: [],
    async run(harness) {
      const { client, server, atClient, atServer } = await connectPair(harness);
      const stream = mustOpen(client, false);
      client.write(stream, pattern(10), false);
      await harness.waitFor(() => atServer.size(atServer.streams[0] ?? -1) === 10, 'the stream has come');
      server.stopSending(atServer.streams[0]!, 1);
      await harness.waitFor(() => atClient.stops.size === 1, 'STOP_SENDING has come');
      client.write(stream, pattern(500), true);
      await passMarker(harness, client, atServer);
      checkEqual(atServer.size(atServer.streams[0]!), 10, 'the bytes of the stopped stream');
    },
  },
  {
    name: 'STOP_SENDING concerns one direction of a bidirectional stream',
    requires: [],
    async run(harness) {
      const { client, server, atClient, atServer } = await connectPair(harness);
      const stream = mustOpen(client, true);
      client.write(stream, pattern(10), false);
      await harness.waitFor(() => atServer.streams.length === 1, 'the stream has come');
      const accepted = atServer.streams[0]!;
      server.stopSending(accepted, 3);
      server.write(accepted, pattern(8), true);
      await harness.waitFor(() => atClient.hasFinished(stream), 'the answer has come');
      await harness.waitFor(() => atClient.stops.has(stream), 'STOP_SENDING has come');
      checkBytes(atClient.bytes(stream), pattern(8), 'the answer');
    },
  },
  {
    name: 'a stream of lower priority number goes before one that was written earlier',
    requires: ['serverLimits'],
    async run(harness) {
      const { client, atServer } = await connectPair(harness, {
        serverLimits: { connectionWindowBytes: 32 * 1024, streamWindowBytes: 32 * 1024 },
      });
      const bulky = mustOpen(client, false, 200);
      const urgent = mustOpen(client, false, 10);
      client.write(bulky, pattern(1024 * 1024), true);
      client.write(urgent, pattern(1000), true);
      await harness.waitFor(() => atServer.finished.length === 2, 'both streams have come');
      checkEqual(atServer.size(atServer.finished[0]!), 1000, 'the size of the stream that was complete first');
    },
  },
  {
    name: 'the priority of a stream that is under way can be changed',
    requires: ['serverLimits', 'priorityChanges'],
    async run(harness) {
      const { client, atServer } = await connectPair(harness, {
        serverLimits: { connectionWindowBytes: 32 * 1024, streamWindowBytes: 32 * 1024 },
      });
      const first = mustOpen(client, false, 50);
      const second = mustOpen(client, false, 100);
      client.write(first, pattern(600 * 1024), true);
      client.write(second, pattern(500 * 1024), true);
      client.setPriority(second, 10);
      await harness.waitFor(() => atServer.finished.length === 2, 'both streams have come');
      checkEqual(atServer.size(atServer.finished[0]!), 500 * 1024, 'the size of the stream that was complete first');
    },
  },
  {
    name: 'events that come before listen are kept and told in order',
    requires: [],
    async run(harness) {
      const server = await startServer(harness);
      const ends = await join(harness, server);
      const stream = mustOpen(ends.client, false);
      ends.client.write(stream, pattern(100), true);
      Recorder.on(ends.client);
      ends.client.reset(mustOpen(ends.client, false), 4);
      // Time for all of it to arrive: another connection, made and used meanwhile.
      const other = await join(harness, server);
      const atOther = Recorder.on(other.server);
      Recorder.on(other.client);
      await passMarker(harness, other.client, atOther);
      const atServer = Recorder.on(ends.server);
      checkEqual(atServer.streams, [], 'what listen told before it returned');
      await harness.waitFor(
        () => atServer.finished.length === 1 && atServer.resets.size === 1,
        'both streams are told',
      );
      checkBytes(atServer.bytes(atServer.finished[0]!), pattern(100), 'the stream');
      checkEqual(atServer.violations, [], 'what came out of order');
    },
  },
];
