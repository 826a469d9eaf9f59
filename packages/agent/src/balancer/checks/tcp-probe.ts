import { Socket } from 'node:net';
import type { CheckOrder } from '../core/contract.js';
import { type Attempt, checkedPort, failed, GOOD, type Outcome, outcomeOf } from './probe.js';

/** Good once the connection is open. It ends with a reset: no TIME_WAIT on the node, no flow that lingers in its tracking. */
export function tcpProbe(order: CheckOrder, settle: (outcome: Outcome) => void): Attempt {
  const socket = new Socket();
  // Nothing is read, so that the descriptor is never registered for it.
  socket.pause();
  socket.once('connect', () => settle(isOwnEcho(socket, order) ? failed('connection refused, met only itself') : GOOD));
  socket.on('error', (error) => settle(outcomeOf(error)));
  connectTo(socket, order);
  return { end: () => discard(socket) };
}

/** Begins to connect to the checked address, without name service and without a second address. */
export function connectTo(socket: Socket, order: CheckOrder): void {
  socket.connect({ host: order.address, port: checkedPort(order), autoSelectFamily: false });
}

/** Closes at once: an open connection with a reset. */
export function discard(socket: Socket): void {
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * TCP's simultaneous open: a connection to an ephemeral port of the node's own address at which nobody listens can get
 * that very port as its source, and then reaches itself.
 */
function isOwnEcho(socket: Socket, order: CheckOrder): boolean {
  // The port first: it settles nearly all cases, and costs one question to the kernel instead of two.
  return socket.localPort === checkedPort(order) && socket.localAddress === socket.remoteAddress;
}
