import { type Action, emptyAction, MOQT_18, MoqtSession } from '@higgins/protocol';
import { Finding, type Outcome, type Target } from '../frame/finding.js';
import { Random } from '../frame/random.js';
import type { WorkMeter } from '../frame/work-meter.js';
import { BULK_KINDS, type Bulk, drawBulk } from '../generate/bulk.js';

/** Blocks of code that one byte, and one event, may cost the core. */
const BLOCKS_PER_BYTE = 60;
const BLOCKS_PER_EVENT = 120;
const BLOCKS_ALWAYS = 5_000;
/** Bytes of arrays that it may make for one byte, and for one event: a copy, and one more where an array grows. */
const ALLOCATED_PER_BYTE = 12;
const ALLOCATED_PER_EVENT = 256;
/** What a parser gives a body at first, and what the encoders keep. */
const ALLOCATED_ALWAYS = 256 * 1024;

interface Input {
  readonly kind: string;
  readonly bytes: number;
  readonly seed: number;
}

/** A server that gets much of one thing: the work that it makes must grow with the bytes, and no faster. */
export function workTarget(meter: WorkMeter): Target {
  return {
    name: 'work',
    fuzz(random) {
      const bytes = random.pick([500, 4_000, 4_000, 30_000]);
      return judge(meter, { kind: random.pick(BULK_KINDS), bytes, seed: random.uint32() });
    },
    replay: (input) => judge(meter, input as Input),
  };
}

function judge(meter: WorkMeter, input: Input): Outcome {
  const bulk = drawBulk(new Random(input.seed, 0), input.kind, input.bytes);
  const session = new MoqtSession({ role: 'server', profile: MOQT_18, setup: {} });
  let sent = { bytes: 0, events: 0 };
  const { blocks, allocatedBytes } = meter.measure(() => {
    sent = feed(session, bulk);
  });
  const most = BLOCKS_ALWAYS + sent.bytes * BLOCKS_PER_BYTE + sent.events * BLOCKS_PER_EVENT;
  if (blocks > most) {
    const rate = (blocks / sent.bytes).toFixed(0);
    throw new Finding(
      `work: ${input.kind}: ${rate} blocks per byte, ${blocks} for ${sent.bytes} bytes in ${sent.events} events`,
      input,
    );
  }
  const mostBytes = ALLOCATED_ALWAYS + sent.bytes * ALLOCATED_PER_BYTE + sent.events * ALLOCATED_PER_EVENT;
  if (allocatedBytes > mostBytes) {
    throw new Finding(`work: ${input.kind}: ${allocatedBytes} bytes of arrays for ${sent.bytes} bytes`, input);
  }
  return { bytes: sent.bytes, passedFirst: session.established };
}

function feed(session: MoqtSession, { streams, datagrams, pieceBytes }: Bulk): { bytes: number; events: number } {
  const action = emptyAction();
  let bytes = 0;
  let events = 0;
  const drain = (): void => {
    while (session.next(action)) events += answered(action);
  };
  session.receive({ kind: 'connected' }, 0);
  streams.forEach((stream, key) => {
    session.receive({ kind: 'opened', stream: key, bidirectional: stream.bidirectional }, 0);
    events++;
    for (let start = 0; start < stream.bytes.length; start += pieceBytes) {
      const piece = stream.bytes.subarray(start, start + pieceBytes);
      session.receive({ kind: 'data', stream: key, bytes: piece, fin: false }, 0);
      bytes += piece.length;
      events++;
      drain();
    }
  });
  for (const datagram of datagrams) {
    session.receive({ kind: 'datagram', bytes: datagram }, 0);
    bytes += datagram.length;
    events++;
    drain();
  }
  return { bytes, events };
}

// An answer is work that a request may make.
function answered({ kind }: Action): number {
  return kind === 'write' ? 1 : 0;
}
