import {
  CONTROL_FIRST,
  encodeMessage,
  encodeObjectDatagram,
  encodeProperties,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  fullTrackName,
  type Message,
  MOQT_18,
  REQUEST_FIRST,
  requestContext,
  type SetupFields,
  type Token,
  trackNamespace,
} from '@higgins/protocol';
import type { Random } from '../frame/random.js';
import { join } from './mutate.js';

const NONE = new Uint8Array(0);
const NAME = fullTrackName(trackNamespace([new Uint8Array([0x61])]), new Uint8Array([0x62]));

/** What a peer can send much of: streams in the order in which it sends them, the first one its control stream. */
export interface Bulk {
  readonly kind: string;
  readonly streams: readonly { readonly bidirectional: boolean; readonly bytes: Uint8Array }[];
  readonly datagrams: readonly Uint8Array[];
  /** Bytes per event. */
  readonly pieceBytes: number;
}

/** Many small parts of one kind, as many as `bytes` hold, where a loop over them would show. */
export function drawBulk(random: Random, kind: string, bytes: number): Bulk {
  const make = BULK[kind];
  if (make === undefined) throw new RangeError(`no bulk is named ${kind}`);
  const setup = { bidirectional: false, bytes: encodeMessage(MOQT_18, { kind: 'setup', options: {} }, CONTROL_FIRST) };
  const { streams = [], datagrams = [] } = make(bytes);
  return { kind, streams: [setup, ...streams], datagrams, pieceBytes: random.pick([1, 7, 1200, 70_000]) };
}

type Parts = Partial<Pick<Bulk, 'streams' | 'datagrams'>> & { readonly options?: SetupFields };

const BULK: Readonly<Record<string, (bytes: number) => Parts>> = {
  tokens: (bytes) => ({
    streams: [request({ kind: 'subscribe', requestId: 0, name: NAME, parameters: tokens(bytes, 4) })],
  }),
  'setup options': (bytes) => ({
    options: { others: times(Math.min(bytes, 60_000) / 2, () => ({ type: 0x9e, value: 0 })) },
  }),
  'namespace fields': (bytes) => {
    const prefix = trackNamespace(Array.from({ length: 32 }, () => new Uint8Array(100).fill(0x61)));
    return {
      streams: times(bytes / 3300, (i) =>
        request({ kind: 'subscribe-namespace', requestId: 2 * i, prefix, parameters: {} }),
      ),
    };
  },
  'track properties': (bytes) => {
    const pairs = Array.from({ length: bytes / 3 }, (_, i) => ({ type: 0x3900 + 2 * i, value: 1 }));
    const message: Message = {
      ...{ kind: 'publish', requestId: 0, name: NAME, trackAlias: 1, parameters: {} },
      trackProperties: encodeProperties(pairs),
    };
    return { streams: [request(message)] };
  },
  'request ids': (bytes) => ({
    streams: times(bytes / 14, (i) =>
      request({ kind: 'track-status', requestId: i * 10_000, name: NAME, parameters: {} }),
    ),
  }),
  'joining fetches': (bytes) => ({
    streams: times(bytes / 9, (i) =>
      request({
        ...{ kind: 'fetch', requestId: 2 * i, parameters: {} },
        range: { kind: 'relative-joining', subscription: 2 * i + 100_000, groupsBack: 0 },
      }),
    ),
  }),
  subscriptions: (bytes) => ({
    streams: times(bytes / 12, (i) => {
      const name = fullTrackName(trackNamespace([new Uint8Array([1 + (i & 127)])]), new Uint8Array([i >> 7]));
      return request({ kind: 'subscribe', requestId: 2 * i, name, parameters: {} });
    }),
  }),
  updates: (bytes) => {
    const context = requestContext('publish-namespace', 'requester', true);
    const updates = times(Math.min(60, bytes / 6), (i) =>
      encodeMessage(MOQT_18, { kind: 'request-update', requestId: 2 * i + 2, parameters: {} }, context),
    );
    const first = request({ kind: 'publish-namespace', requestId: 0, namespace: NAME.namespace, parameters: {} });
    return { streams: [{ bidirectional: true, bytes: join([first.bytes, ...updates]) }] };
  },
  'unknown aliases': (bytes) => ({
    streams: times(bytes / 20, (i) => ({
      bidirectional: false,
      bytes: join([subgroupHead(i), ...times(8, emptyObject)]),
    })),
  }),
  objects: (bytes) => ({
    streams: [
      request({ kind: 'publish', requestId: 0, name: NAME, trackAlias: 1, parameters: {} }),
      { bidirectional: false, bytes: join([subgroupHead(1), ...times(bytes / 3, emptyObject)]) },
    ],
  }),
  'one large object': (bytes) => {
    const others = { delta: 0, properties: NONE, hasProperties: false, status: 'normal' } as const;
    const object = encodeSubgroupObject({ ...others, payload: new Uint8Array(8 * bytes) });
    return {
      streams: [
        request({ kind: 'publish', requestId: 0, name: NAME, trackAlias: 1, parameters: {} }),
        { bidirectional: false, bytes: join([subgroupHead(1), object]) },
      ],
    };
  },
  datagrams: (bytes) => ({ datagrams: times(bytes / 5, emptyDatagram) }),
};

/** Everything that there can be much of. */
export const BULK_KINDS: readonly string[] = Object.keys(BULK);

function tokens(bytes: number, each: number): { authorizationTokens: Token[] } {
  const count = Math.min(bytes, 60_000) / (each + 2);
  return { authorizationTokens: times(count, (i) => ({ type: 200 + i, value: NONE })) };
}

function request(message: Message): { bidirectional: boolean; bytes: Uint8Array } {
  return { bidirectional: true, bytes: encodeMessage(MOQT_18, message, REQUEST_FIRST) };
}

function subgroupHead(trackAlias: number): Uint8Array {
  const others = { subgroup: 0, priority: null, endOfGroup: false, firstObject: false, hasProperties: false };
  return encodeSubgroupHeader({ trackAlias, group: 0, ...others });
}

function emptyObject(): Uint8Array {
  return encodeSubgroupObject({ delta: 0, properties: NONE, hasProperties: false, status: 'normal', payload: NONE });
}

function emptyDatagram(): Uint8Array {
  const others = { group: 0, object: 0, priority: null, endOfGroup: false, properties: NONE, payload: NONE };
  return encodeObjectDatagram({ trackAlias: 1, status: 'normal', ...others });
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: Math.floor(count) }, (_, index) => make(index));
}
