import type { Connection, ReceiverSet, Transport } from '../transport.js';
import { checkBytes, connectMany, mustOpen, onlyStream, passMarker, pattern } from './fixture.js';
import { type ComplianceCase, check, checkEqual } from './harness.js';

const NO_LIMIT = { publisherPriority: 128, ifBacklogBelow: Number.MAX_SAFE_INTEGER };

/** Receiver sets: one write, many receivers. */
export const receiverSetCases: readonly ComplianceCase[] = [
  {
    name: 'every receiver of a set gets identical bytes on a stream of its own',
    requires: ['listen'],
    async run(harness) {
      const { receivers, recorders } = await connectMany(harness, 5);
      const { set } = makeSet(harness.server, receivers);
      set.open(1, pattern(7, 1), NO_LIMIT);
      set.append(1, pattern(1000, 2), false);
      set.append(1, pattern(50_000, 3), true);
      const expected = concat(pattern(7, 1), pattern(1000, 2), pattern(50_000, 3));
      for (const at of recorders) {
        await harness.waitFor(() => at.finished.length === 1, 'the group has come');
        checkBytes(at.bytes(onlyStream(at)), expected, 'the group');
      }
    },
  },
  {
    name: 'groups of a set are streams of their own, each with its FIN',
    requires: ['listen'],
    async run(harness) {
      const { receivers, recorders } = await connectMany(harness, 2);
      const { set } = makeSet(harness.server, receivers);
      for (const group of [2 ** 40, 2 ** 40 + 1, 2 ** 53 - 1]) set.open(group, pattern(3, group % 10), NO_LIMIT);
      set.append(2 ** 40 + 1, pattern(10), true);
      set.append(2 ** 53 - 1, new Uint8Array(0), true);
      set.append(2 ** 40, pattern(20), true);
      for (const at of recorders) {
        await harness.waitFor(() => at.finished.length === 3, 'the groups have come');
        checkEqual(
          at.finished.map((id) => at.size(id)).sort((a, b) => a - b),
          [3, 13, 23],
          'the sizes of the groups',
        );
      }
    },
  },
  {
    name: 'a late joiner takes part from the next open',
    requires: ['listen'],
    async run(harness) {
      const { receivers, recorders } = await connectMany(harness, 2);
      const { set, missed } = makeSet(harness.server, [receivers[0]!]);
      set.open(1, pattern(5, 1), NO_LIMIT);
      set.add(receivers[1]!, 128);
      set.append(1, pattern(5, 2), true);
      set.open(2, pattern(9, 3), NO_LIMIT);
      set.append(2, new Uint8Array(0), true);
      await harness.waitFor(() => recorders[0]!.finished.length === 2, 'the first receiver has both groups');
      await harness.waitFor(() => recorders[1]!.finished.length === 1, 'the late one has the second group');
      await passMarker(harness, receivers[1]!, recorders[1]!);
      checkEqual(recorders[1]!.streams.length, 2, 'the streams of the late receiver, marker included');
      checkEqual(missed, [], 'what was told as missed');
    },
  },
  {
    name: 'remove returns the number of streams that were opened for the receiver',
    requires: ['listen'],
    async run(harness) {
      const { receivers, recorders } = await connectMany(harness, 2);
      const { set } = makeSet(harness.server, receivers);
      for (const group of [1, 2, 3]) {
        set.open(group, pattern(4), NO_LIMIT);
        set.append(group, pattern(4), true);
      }
      checkEqual(set.remove(receivers[0]!), 3, 'the count');
      checkEqual(set.remove(receivers[0]!), 0, 'the count of one that is not in the set');
      set.open(4, pattern(4), NO_LIMIT);
      set.append(4, pattern(4), true);
      await harness.waitFor(() => recorders[0]!.finished.length === 3, 'what was written before is complete');
      await harness.waitFor(() => recorders[1]!.finished.length === 4, 'the other one has all groups');
      checkEqual(set.remove(receivers[1]!), 4, 'the count of the other one');
      await passMarker(harness, receivers[0]!, recorders[0]!);
      checkEqual(recorders[0]!.streams.length, 4, 'the streams of the removed receiver, marker included');
    },
  },
  {
    name: 'remove with a code resets the streams that are open',
    requires: ['listen'],
    async run(harness) {
      const { receivers, recorders } = await connectMany(harness, 2);
      const { set } = makeSet(harness.server, receivers);
      set.open(1, pattern(4), NO_LIMIT);
      await harness.waitFor(() => recorders.every((at) => at.streams.length === 1), 'the group has come');
      checkEqual(set.remove(receivers[0]!, 77), 1, 'the count');
      set.append(1, pattern(6), true);
      await harness.waitFor(() => recorders[0]!.resets.size === 1, 'the reset has come');
      checkEqual(recorders[0]!.resets.get(onlyStream(recorders[0]!)), 77, 'the code');
      await harness.waitFor(() => recorders[1]!.finished.length === 1, 'the other one has the group');
    },
  },
  {
    name: 'reset of a group reaches every receiver that has it open, and leaves other groups alone',
    requires: ['listen'],
    async run(harness) {
      const { receivers, recorders } = await connectMany(harness, 3);
      const { set } = makeSet(harness.server, receivers);
      set.open(1, pattern(4), NO_LIMIT);
      set.open(2, pattern(5), NO_LIMIT);
      await harness.waitFor(() => recorders.every((at) => at.streams.length === 2), 'the groups have come');
      set.reset(1, 31);
      set.append(1, pattern(100), true);
      set.append(2, pattern(5), true);
      for (const at of recorders) {
        await harness.waitFor(() => at.resets.size === 1 && at.finished.length === 1, 'reset and group have come');
        checkEqual([...at.resets.values()], [31], 'the codes');
        checkEqual(at.size(at.finished[0]!), 10, 'the size of the other group');
        checkEqual(at.violations, [], 'what followed the reset');
      }
    },
  },
  {
    name: 'a receiver with too much backlog misses the group, and drained is told once when it has caught up',
    requires: ['listen', 'limits'],
    async run(harness) {
      const window = { connectionWindowBytes: 32 * 1024, streamWindowBytes: 32 * 1024 };
      const { receivers, recorders } = await connectMany(harness, 1, window);
      const { set, missed, drained } = makeSet(harness.server, receivers);
      set.open(1, pattern(4), NO_LIMIT);
      set.append(1, pattern(1024 * 1024), true);
      set.open(2, pattern(4), { publisherPriority: 128, ifBacklogBelow: 10_000 });
      set.append(2, pattern(4), true);
      set.open(3, pattern(4), { publisherPriority: 128, ifBacklogBelow: 10_000 });
      set.append(3, pattern(4), true);
      checkEqual(missed, [], 'what was told from within a call');
      await harness.waitFor(() => drained.length === 1, 'drained is told');
      checkEqual(missed, [2, 3], 'the groups that were missed');
      await harness.waitFor(() => recorders[0]!.finished.length === 1, 'the first group is complete');
      set.open(4, pattern(4), { publisherPriority: 128, ifBacklogBelow: 10_000 });
      set.append(4, pattern(4), true);
      await harness.waitFor(() => recorders[0]!.finished.length === 2, 'the next group has come');
      checkEqual(drained.length, 1, 'how often drained was told');
      checkEqual(set.remove(receivers[0]!), 2, 'the number of streams');
    },
  },
  {
    name: 'a slow receiver of a set does not hold back the others',
    requires: ['listen', 'limits'],
    async run(harness) {
      const slow = await connectMany(harness, 1, { connectionWindowBytes: 4096, streamWindowBytes: 4096 });
      const fast = await connectMany(harness, 1);
      const { set, missed } = makeSet(harness.server, [slow.receivers[0]!, fast.receivers[0]!]);
      for (let group = 1; group <= 20; group += 1) {
        set.open(group, pattern(4), { publisherPriority: 128, ifBacklogBelow: 100_000 });
        set.append(group, pattern(60_000, group), true);
        await harness.waitFor(() => fast.recorders[0]!.finished.length === group, 'the fast one has the group');
      }
      // What was missed is told before something that came to the same transport later.
      await passMarker(harness, fast.clients[0]!, fast.atServer[0]!);
      const slowStreams = set.remove(slow.receivers[0]!);
      checkEqual(slowStreams + missed.length, 20, 'groups opened for the slow one or missed by it');
    },
  },
  {
    name: 'a receiver without stream credit misses the group',
    requires: ['listen', 'limits'],
    async run(harness) {
      const credit = { unidirectionalStreamsInitial: 2, unidirectionalStreamsMax: 2 };
      const { receivers, recorders } = await connectMany(harness, 1, credit);
      const { set, missed, drained } = makeSet(harness.server, receivers);
      for (const group of [1, 2, 3]) set.open(group, pattern(4), NO_LIMIT);
      await harness.waitFor(() => missed.length === 1, 'the third group is missed');
      checkEqual(missed, [3], 'the group that was missed');
      set.append(3, pattern(9), true);
      set.append(1, pattern(4), true);
      await harness.waitFor(() => recorders[0]!.finished.length === 1, 'the first group is complete');
      await harness.waitFor(() => drained.length === 1, 'drained is told when there is credit again');
      set.open(4, pattern(4), NO_LIMIT);
      set.append(4, pattern(4), true);
      await harness.waitFor(() => recorders[0]!.finished.length === 2, 'the next group has come');
      checkEqual(set.remove(receivers[0]!, 0), 3, 'the number of streams');
    },
  },
  {
    name: 'a receiver whose backlog is gone before it has stream credit hears of it when the credit comes',
    requires: ['listen', 'limits'],
    async run(harness) {
      const credit = { unidirectionalStreamsInitial: 2, unidirectionalStreamsMax: 2 };
      const { receivers, recorders } = await connectMany(harness, 1, credit);
      const { set, missed, drained } = makeSet(harness.server, receivers);
      const other = makeSet(harness.server, receivers).set;
      set.open(1, pattern(50_000), NO_LIMIT);
      set.open(2, pattern(4), { publisherPriority: 128, ifBacklogBelow: 100 });
      other.open(1, pattern(4), NO_LIMIT);
      await harness.waitFor(() => missed.length === 1, 'the second group is missed');
      const [at] = recorders;
      await harness.waitFor(() => at!.streams.length === 2 && at!.size(at!.streams[0]!) === 50_000, 'all has come');
      await harness.waitFor(() => receivers[0]!.backlogBytes() === 0, 'the backlog is gone');
      checkEqual(drained, [], 'what was told while there was no credit');
      other.append(1, pattern(4), true);
      await harness.waitFor(() => drained.length === 1, 'drained is told when there is credit');
    },
  },
  {
    name: 'subscriber priority decides which of a receiver’s streams goes first',
    requires: ['listen', 'limits'],
    async run(harness) {
      const window = { connectionWindowBytes: 16 * 1024, streamWindowBytes: 16 * 1024 };
      const { receivers, recorders } = await connectMany(harness, 1, window);
      const background = makeSet(harness.server, []).set;
      const urgent = makeSet(harness.server, []).set;
      background.add(receivers[0]!, 200);
      urgent.add(receivers[0]!, 10);
      background.open(1, pattern(4), { ...NO_LIMIT, publisherPriority: 0 });
      background.append(1, pattern(500_000), true);
      urgent.open(1, pattern(4), { ...NO_LIMIT, publisherPriority: 255 });
      urgent.append(1, pattern(1000), true);
      await harness.waitFor(() => recorders[0]!.finished.length === 2, 'both groups have come');
      checkEqual(recorders[0]!.size(recorders[0]!.finished[0]!), 1004, 'the size of the first complete group');
    },
  },
  {
    name: 'what a set writes counts in the backlog of the connection',
    requires: ['listen'],
    async run(harness) {
      const { receivers } = await connectMany(harness, 1);
      const { set } = makeSet(harness.server, receivers);
      set.open(1, pattern(10), NO_LIMIT);
      set.append(1, pattern(5 * 1024 * 1024), true);
      await harness.waitFor(() => receivers[0]!.backlogBytes() > 0, 'the backlog is seen');
      await harness.waitFor(() => receivers[0]!.backlogBytes() === 0, 'the backlog is gone');
    },
  },
  {
    name: 'STOP_SENDING takes a receiver out of the group, and it takes part in the next',
    requires: ['listen'],
    async run(harness) {
      const server = await connectMany(harness, 2);
      const { set } = makeSet(harness.server, server.receivers);
      const [at, other] = server.recorders;
      set.open(1, pattern(4), NO_LIMIT);
      await harness.waitFor(() => at!.streams.length === 1, 'the group has come');
      server.clients[0]!.stopSending(at!.streams[0]!, 12);
      // The set has heard of it when what the client sent after it has come.
      server.clients[0]!.write(mustOpen(server.clients[0]!, false), pattern(1), true);
      await harness.waitFor(() => server.atServer[0]!.finished.length === 1, 'a later stream has come');
      set.append(1, pattern(100), true);
      set.open(2, pattern(6), NO_LIMIT);
      set.append(2, pattern(6), true);
      await harness.waitFor(() => at!.finished.length === 1 && other!.finished.length === 2, 'the groups have come');
      checkEqual(at!.size(at!.finished[0]!), 12, 'the size of the next group');
    },
  },
  {
    name: 'the loss of a receiver leaves the others of its set alone',
    requires: ['listen'],
    async run(harness) {
      const { receivers, recorders } = await connectMany(harness, 3);
      const { set } = makeSet(harness.server, receivers);
      set.open(1, pattern(4), NO_LIMIT);
      receivers[1]!.close(9, 'gone');
      set.append(1, pattern(4), true);
      set.open(2, pattern(4), NO_LIMIT);
      set.append(2, pattern(4), true);
      for (const at of [recorders[0]!, recorders[2]!]) {
        await harness.waitFor(() => at.finished.length === 2, 'the groups have come');
      }
      await harness.waitFor(() => recorders[1]!.closeInfo !== null, 'the lost receiver is closed');
      checkEqual(set.remove(receivers[1]!), 1, 'the number of streams of the lost receiver');
    },
  },
  {
    name: 'close forgets the receivers and lets streams finish',
    requires: ['listen'],
    async run(harness) {
      const { receivers, recorders } = await connectMany(harness, 2);
      const { set } = makeSet(harness.server, receivers);
      set.open(1, pattern(4), NO_LIMIT);
      set.append(1, pattern(100_000), true);
      set.close();
      for (const at of recorders) {
        await harness.waitFor(() => at.finished.length === 1, 'the group is complete');
        check(at.resets.size === 0, 'a stream was reset');
      }
      checkEqual(set.remove(receivers[0]!), 0, 'the count after close');
    },
  },
];

function makeSet(
  transport: Transport,
  receivers: readonly Connection[],
): { set: ReceiverSet; missed: number[]; drained: Connection[] } {
  const missed: number[] = [];
  const drained: Connection[] = [];
  const set = transport.receiverSet({
    missed: (_receiver, group) => missed.push(group),
    drained: (receiver) => drained.push(receiver),
  });
  for (const receiver of receivers) set.add(receiver, 128);
  return { set, missed, drained };
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
