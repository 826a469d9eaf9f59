import { isIPv6, Socket } from 'node:net';
import type { HttpCheck } from '@higgins/balancing';
import type { CheckOrder } from '../core/contract.js';
import { HttpAnswer } from './http-answer.js';
import { type Attempt, checkedPort, failed, type Outcome, outcomeOf } from './probe.js';
import { connectTo } from './tcp-probe.js';
import type { TlsClient } from './tls-probe.js';

const DEFAULT: HttpCheck = { method: 'GET', path: '/', host: null, statuses: [[200, 399]] };
const PRINTABLE_ASCII = /^[!-~]+$/;

/**
 * One HTTP/1.1 request on a connection of its own; the final status decides, as soon as the answer's head is complete.
 * Redirects are statuses like others, and the body is not waited for.
 */
export function httpProbe(order: CheckOrder, settle: (outcome: Outcome) => void): Attempt {
  const request = requestOf(order, 80);
  const socket = new Socket();
  socket.once('connect', () => exchange(socket, request, order, settle));
  socket.on('error', (error) => settle(outcomeOf(error)));
  connectTo(socket, order);
  return { end: () => void socket.destroy() };
}

/** The same over TLS. */
export function httpsProbe(tls: TlsClient) {
  return (order: CheckOrder, settle: (outcome: Outcome) => void): Attempt => {
    const request = requestOf(order, 443);
    return tls.connect(order, ['http/1.1'], settle, (socket, seen) => {
      exchange(socket, request, order, (outcome) => settle({ ...seen, ...outcome }));
    });
  };
}

function exchange(socket: Socket, request: string, order: CheckOrder, settle: (outcome: Outcome) => void): void {
  const { statuses } = order.check.http ?? DEFAULT;
  const answer = new HttpAnswer();
  socket.on('data', (bytes: Buffer) => {
    try {
      const status = answer.push(bytes);
      if (status !== null) settle(judge(status, statuses));
    } catch (error) {
      settle(outcomeOf(error));
    }
  });
  socket.once('end', () => settle(failed('connection closed before the answer was complete')));
  socket.write(request, 'latin1');
}

function judge(status: number, statuses: HttpCheck['statuses']): Outcome {
  if (statuses.some(([from, to]) => status >= from && status <= to)) return { failure: null };
  const expected = statuses.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
  return failed(`status ${status}, expected ${expected}`);
}

function requestOf(order: CheckOrder, defaultPort: number): string {
  const { method, path, host } = order.check.http ?? DEFAULT;
  const target = host ?? hostHeader(order, defaultPort);
  for (const text of [path, target]) {
    if (!PRINTABLE_ASCII.test(text)) throw new TypeError(`http "${text}" is refused, expected printable ASCII`);
  }
  return (
    `${method} ${path} HTTP/1.1\r\nHost: ${target}\r\n` +
    'User-Agent: higgins-check\r\nAccept: */*\r\nConnection: close\r\n\r\n'
  );
}

/** The member's host with its port, if that is not the scheme's (RFC 9110, section 7.2). */
function hostHeader(order: CheckOrder, defaultPort: number): string {
  const name = isIPv6(order.host) ? `[${order.host}]` : order.host.replace(/\.$/, '');
  const port = checkedPort(order);
  return port === defaultPort ? name : `${name}:${port}`;
}
