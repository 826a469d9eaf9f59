import { describe, expect, it } from 'vitest';
import {
  type Applied,
  applied,
  type ContentFormat,
  type MapDelta,
  type NamedList,
  organisationList,
  parseListEntries,
  type Tombstone,
} from './index.js';

// Objects of release 0.1: later releases must read them, and this one must write exactly these bytes.
const list: NamedList = {
  owner: 'acme',
  version: 7,
  createdWallMs: 1_789_000_000_000,
  expiry: 'closed',
  entries: parseListEntries(['192.0.2.0/24', '2001:db8::/32', 'AS64500', 'isp:example net']),
};
const tombstone: Tombstone = { version: 8, deletedWallMs: 1_789_000_000_000 };
const refusal: Applied = {
  result: 'refused',
  group: 2 ** 41 + 5,
  version: 7,
  appliedWallMs: 1_789_000_000_000,
  entries: null,
  reason: 'host bits',
};
const delta: MapDelta = { set: new Map([['org/acme/lists/blocked', Uint8Array.of(0x61, 0x62)]]), removed: ['a'] };

const GOLDEN: Readonly<Record<ContentFormat, Readonly<Record<'list' | 'tombstone' | 'applied' | 'delta', string>>>> = {
  cbor: {
    list:
      'a966736368656d611903e8656f776e65726461636d656776657273696f6e076665787069727966636c6f7365646d6372656174656457616c' +
      '6c4d731b000001a088b5a20064697076344418c000026469707636452020010db86461736e738119fbf46469737073816b6578616d706c65' +
      '206e6574',
    tombstone:
      'a466736368656d611903e86764656c65746564f56776657273696f6e086d64656c6574656457616c6c4d731b000001a088b5a200',
    applied:
      'a666736368656d611903e866726573756c7467726566757365646567726f75701b00000200000000056d6170706c69656457616c6c4d731b' +
      '000001a088b5a2006776657273696f6e0766726561736f6e69686f73742062697473',
    delta: 'a366736368656d611903e863736574a1766f72672f61636d652f6c697374732f626c6f636b65644261626772656d6f766564816161',
  },
  msgpack: {
    list:
      '89a6736368656d61cd03e8a56f776e6572a461636d65a776657273696f6e07a6657870697279a6636c6f736564ad6372656174656457616c' +
      '6c4d73d3000001a088b5a200a469707634c40418c00002a469707636c4052020010db8a461736e7391cdfbf4a46973707391ab6578616d70' +
      '6c65206e6574',
    tombstone:
      '84a6736368656d61cd03e8a764656c65746564c3a776657273696f6e08ad64656c6574656457616c6c4d73d3000001a088b5a200',
    applied:
      '86a6736368656d61cd03e8a6726573756c74a772656675736564a567726f7570d30000020000000005ad6170706c69656457616c6c4d73d3' +
      '000001a088b5a200a776657273696f6e07a6726561736f6ea9686f73742062697473',
    delta:
      '83a6736368656d61cd03e8a373657481b66f72672f61636d652f6c697374732f626c6f636b6564c4026162a772656d6f76656491a161',
  },
  json: {
    list: hexOf(
      '{"schema":1000,"owner":"acme","version":7,"expiry":"closed","createdWallMs":1789000000000,' +
        '"ipv4":["192.0.2.0/24"],"ipv6":["2001:db8::/32"],"asns":[64500],"isps":["example net"]}',
    ),
    tombstone: hexOf('{"schema":1000,"deleted":true,"version":8,"deletedWallMs":1789000000000}'),
    applied: hexOf(
      '{"schema":1000,"result":"refused","group":2199023255557,"appliedWallMs":1789000000000,"version":7,' +
        '"reason":"host bits"}',
    ),
    delta: hexOf('{"schema":1000,"set":{"org/acme/lists/blocked":"ab"},"removed":["a"]}'),
  },
};

describe.each(['cbor', 'msgpack', 'json'] as const)('golden objects in %s', (format) => {
  const golden = GOLDEN[format];

  it('BUS-17: are written byte by byte', () => {
    expect(hexOf(organisationList.encode(list, format))).toBe(golden.list);
    expect(hexOf(organisationList.encodeTombstone(tombstone, format))).toBe(golden.tombstone);
    expect(hexOf(applied.encode(refusal, format))).toBe(golden.applied);
    expect(hexOf(applied.encodeDelta(delta, format))).toBe(golden.delta);
  });

  it('BUS-17: are read', () => {
    expect(organisationList.decodeState(bytesOf(golden.list), format)).toEqual({ deleted: false, value: list });
    expect(organisationList.decodeState(bytesOf(golden.tombstone), format)).toEqual({ deleted: true, tombstone });
    expect(applied.decode(bytesOf(golden.applied), format)).toEqual(refusal);
    expect(applied.decodeObject(bytesOf(golden.delta), format)).toEqual({ kind: 'delta', ...delta });
  });
});

function hexOf(value: string | Uint8Array): string {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
