import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** One record of an answer. */
export interface TestRecord {
  readonly address: string;
  readonly ttl: number;
}

/** What the server does with a question: these records, this response code, or nothing. */
export type TestAnswer = readonly TestRecord[] | number | 'silence';

const TYPES: Readonly<Record<number, 'A' | 'AAAA'>> = { 1: 'A', 28: 'AAAA' };

/** A name server on loopback for what a real one does not do at will. */
export class TestDnsServer implements AsyncDisposable {
  /** Questions so far, as `A name`. */
  readonly questions: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async start(
    answer: (name: string, type: 'A' | 'AAAA') => TestAnswer,
    host = '127.0.0.1',
  ): Promise<TestDnsServer> {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    const server = new TestDnsServer(socket);
    socket.on('message', (query, { address, port }) => {
      const { name, type, end } = questionOf(query);
      const kind = TYPES[type]!;
      server.questions.push(`${kind} ${name}`);
      const said = answer(name, kind);
      if (said !== 'silence') socket.send(reply(query.subarray(0, end), type, said), port, address);
    });
    return server;
  }

  /** As it stands in a configuration. */
  get address(): string {
    const { address, port, family } = this.#socket.address();
    return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

function questionOf(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let offset = 12;
  for (let length = query[offset]!; length > 0; length = query[offset]!) {
    labels.push(query.toString('latin1', offset + 1, offset + 1 + length));
    offset += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(offset + 1), end: offset + 5 };
}

/** RFC 1035, section 4.1: the header, the question as it came, and records whose name points to it. */
function reply(head: Buffer, type: number, answer: readonly TestRecord[] | number): Buffer {
  const message = Buffer.from(head);
  const records = typeof answer === 'number' ? [] : answer;
  message.writeUInt16BE(0x8180 | (typeof answer === 'number' ? answer : 0), 2);
  message.writeUInt16BE(records.length, 6);
  message.writeUInt32BE(0, 8);
  return Buffer.concat([message, ...records.map(({ address, ttl }) => record(type, ttl, bytesOf(address)))]);
}

function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

/** IPv6 addresses have at most one `::` and no dots here. */
function bytesOf(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [left = [], right = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of groups.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}
