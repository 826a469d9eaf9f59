import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TABLE_SIZES } from '../maglev.js';
import { readConfiguration } from './core-form.js';
import { validate } from './validate.js';
import { writeConfiguration } from './write.js';

const nullable = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null });
const whole = (min: number, max: number) => fc.integer({ min, max });
/** Values of which any may be left out of a document. */
const partly = <T extends object>(fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.record(fields, { requiredKeys: [] });

const ipv4 = fc.tuple(whole(1, 223), whole(0, 255), whole(0, 255), whole(1, 254)).map((octets) => octets.join('.'));
const ipv6 = fc
  .tuple(whole(0, 0xffff), whole(1, 0xffff))
  .map(([a, b]) => `2001:db8:${a.toString(16)}::${b.toString(16)}`);
const host = fc.oneof(ipv4, ipv6, fc.constantFrom('a.example.org', 'b-2.example.org.', '_svc.example'));
const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((name) => !/\p{Cc}/u.test(name));
const bytes = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((data) => ({ hex: Buffer.from(data).toString('hex') })),
);

const http = partly({
  method: fc.constantFrom('GET', 'HEAD'),
  path: fc.webPath().map((path) => (path.startsWith('/') ? path : `/${path}`)),
  host: nullable(fc.constantFrom('www.example.org', '[2001:db8::1]:80')),
  statuses: fc.constantFrom(
    [[200, 399]],
    [
      [200, 200],
      [301, 302],
    ],
  ),
});
const tls = partly({ verify: fc.boolean(), serverName: nullable(fc.constant('www.example.org')) });
const timing = {
  port: nullable(whole(1, 65_535)),
  intervalMs: whole(100, 65_535_000),
  rise: whole(1, 255),
  fall: whole(1, 255),
  startAvailable: fc.boolean(),
};
const check = fc
  .oneof(
    fc.tuple(partly(timing), fc.constant({ type: 'tcp' })),
    fc.tuple(
      partly(timing),
      partly({ http }).map((parts) => ({ type: 'http', ...parts })),
    ),
    fc.tuple(
      partly(timing),
      partly({ http, tls }).map((parts) => ({ type: 'https', ...parts })),
    ),
    fc.tuple(
      partly(timing),
      partly({ tls }).map((parts) => ({ type: 'tls', ...parts })),
    ),
    fc.tuple(
      partly(timing),
      fc.record({ payload: bytes, expect: nullable(bytes) }).map((udp) => ({ type: 'udp', udp })),
    ),
  )
  .map(([common, own]) => ({ ...common, ...own }));

const member = fc
  .tuple(
    fc.record({ host, port: whole(1, 65_535) }),
    partly({
      weight: whole(0, 65_535),
      priority: whole(0, 255),
      admin: fc.constantFrom('enabled', 'draining', 'disabled'),
      activeCheck: nullable(fc.oneof(fc.constant('inherit'), check)),
      resolution: partly({ servers: fc.array(ipv4, { maxLength: 3 }), ttlMs: nullable(whole(1_000, 86_400_000)) }),
    }),
  )
  .map(([required, optional]) => ({ ...required, ...optional }));

const pool = fc
  .tuple(
    fc.uniqueArray(text, { maxLength: 5 }),
    fc.array(member, { minLength: 5, maxLength: 5 }),
    partly({
      algorithm: fc.constantFrom(
        'maglev',
        'random',
        'source-hash',
        'round-robin',
        'weighted-round-robin',
        'least-connections',
      ),
      tableSize: nullable(fc.constantFrom(...TABLE_SIZES)),
      affinity: nullable(partly({ ttlMs: whole(1_000, 86_400_000), entriesMax: whole(1, 1_048_576) })),
      activeCheck: nullable(check),
      passiveCheck: nullable(partly({ consecutiveFailures: whole(1, 65_535), ejectionMs: whole(1, 86_400_000) })),
      slowStartMs: whole(0, 3_600_000),
      panicPercent: whole(0, 100),
      whenNoneHealthy: fc.constantFrom('reject', 'fail-open'),
      drainMs: nullable(whole(1_000, 604_800_000)),
    }),
  )
  .map(([names, members, optional]) => ({
    ...optional,
    members: names.map((name, index) => ({ ...members[index]!, name })),
  }));

const limits = partly({
  connectionsPerMember: nullable(whole(1, 0xffff_ffff)),
  connectionsPerSecond: nullable(whole(1, 1_000)),
});
const listener = partly({
  interfaces: fc.uniqueArray(fc.constantFrom('eth0', 'eth1', 'lo'), { maxLength: 2 }),
  limits,
  timeouts: partly({ connectMs: nullable(whole(1_000, 60_000)), idleMs: nullable(whole(1_000, 86_400_000)) }),
  clientAddress: fc.constantFrom('keep', 'translate'),
  allow: nullable(fc.array(ipv4, { maxLength: 3 }).map((prefixes) => ({ kind: 'inline', prefixes }))),
  block: nullable(fc.constant({ kind: 'track', track: 'org/acme/lists/bad' })),
  mirror: nullable(ipv4),
  localTraffic: fc.boolean(),
});

/** Pools and listeners by turns: the index makes names and ports unique. */
const loadBalancer = fc
  .tuple(
    fc.array(fc.tuple(pool, listener), { maxLength: 4 }),
    partly({ seed: nullable(whole(0, 0xffff_ffff)), chainPriority: whole(-199, 1_000) }),
  )
  .map(([services, optional]) => ({
    ...optional,
    pools: services.map(([own], index) => ({ ...own, name: `p${index}` })),
    listeners: services.map(([, own], index) => ({ ...own, name: `l${index}`, rules: [{ pool: `p${index}` }] })),
  }));

/** Documents of the core form that hold every rule, with any of the optional fields. */
const documents = fc.array(loadBalancer, { maxLength: 3 }).map((all) => ({
  loadBalancers: all.map((own, index) => ({
    ...own,
    name: `lb${index}`,
    listeners: own.listeners.map((one, position) => ({ ...one, protocol: 'tcp', port: 1 + index * 100 + position })),
  })),
}));

describe('any configuration of the core form', () => {
  it('LOB-07: reads back from what is written as the same, over JSON as well', () => {
    fc.assert(
      fc.property(documents, (document) => {
        const { configuration } = readConfiguration(document);
        const written = writeConfiguration(configuration);
        expect(readConfiguration(written).configuration).toEqual(configuration);
        expect(readConfiguration(JSON.parse(JSON.stringify(written))).configuration).toEqual(configuration);
        expect(writeConfiguration(readConfiguration(written).configuration)).toEqual(written);
        expect(validate(configuration).problems).toEqual([]);
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
