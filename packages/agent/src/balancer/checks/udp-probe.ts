import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { CheckOrder } from '../core/contract.js';
import { type Attempt, checkedPort, failed, GOOD, type Outcome, outcomeOf } from './probe.js';

/** Bytes of a wrong answer that a reason shows. */
const SHOWN_BYTES = 16;

/**
 * Sends one datagram from a connected socket, which hears nobody but the member and ICMP errors about it. With nothing
 * expected, silence until the deadline is good and any answer is; otherwise the answer's first bytes decide.
 *
 * The kernel tells a connected socket that port or protocol are unreachable, or that a firewall refuses; a machine that
 * is gone altogether is silence, so that only an expected answer finds it out.
 */
export function udpProbe(order: CheckOrder, settle: (outcome: Outcome) => void): Attempt {
  const { payload, expect } = order.check.udp ?? { payload: new Uint8Array(), expect: null };
  const type = isIPv6(order.address) ? 'udp6' : 'udp4';
  const socket = createSocket({ type, lookup: (address, _, done) => done(null, address, type === 'udp6' ? 6 : 4) });
  let open = true;
  socket.on('error', (error) => settle(outcomeOf(error)));
  socket.on('message', (answer) => settle(expect === null ? GOOD : judge(answer, expect)));
  socket.connect(checkedPort(order), order.address, () => {
    if (open) socket.send(payload, (error) => error && settle(outcomeOf(error)));
  });
  return {
    ...(expect === null ? { silence: GOOD } : {}),
    end: () => {
      open = false;
      socket.close();
    },
  };
}

function judge(answer: Uint8Array, expected: Uint8Array): Outcome {
  if (answer.length >= expected.length && expected.every((byte, index) => byte === answer[index])) return GOOD;
  return failed(`the answer starts with ${hex(answer)}, expected ${hex(expected)}`);
}

function hex(bytes: Uint8Array): string {
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString('hex');
  return `0x${shown}${bytes.length > SHOWN_BYTES ? '…' : ''}`;
}
