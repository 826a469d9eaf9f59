import type { CloseInfo, Connection, StreamId } from '../transport.js';

/** What a connection has told. */
export interface Recorder {
  readonly events: string[];
  readonly closeInfo: CloseInfo | null;
  readonly datagrams: Uint8Array[];
  bytes(stream: StreamId): number[];
  ended(stream: StreamId): boolean;
}

/** Listens to a connection and keeps what it tells. */
export function recordEvents(connection: Connection): Recorder {
  const events: string[] = [];
  const received = new Map<StreamId, number[]>();
  const ended = new Set<StreamId>();
  const datagrams: Uint8Array[] = [];
  let closeInfo: CloseInfo | null = null;
  connection.listen({
    opened: (stream, bidirectional) => events.push(`opened ${stream} ${bidirectional ? 'both ways' : 'one way'}`),
    data: (stream, bytes, fin) => {
      const all = received.get(stream) ?? [];
      for (const byte of bytes) all.push(byte);
      received.set(stream, all);
      if (fin) ended.add(stream);
    },
    reset: (stream, code) => events.push(`reset ${stream} ${code}`),
    stopSending: (stream, code) => events.push(`stop-sending ${stream} ${code}`),
    datagram: (bytes) => datagrams.push(bytes.slice()),
    credit: (bidirectional) => events.push(`credit ${bidirectional ? 'both ways' : 'one way'}`),
    drained: () => events.push('drained'),
    closed: (info) => {
      closeInfo = info;
      events.push('closed');
    },
  });
  return {
    events,
    datagrams,
    get closeInfo() {
      return closeInfo;
    },
    bytes: (stream) => received.get(stream) ?? [],
    ended: (stream) => ended.has(stream),
  };
}
