import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../resources/core-form.js';
import { ResourceError } from '../resources/problem.js';
import { coreDocument } from '../resources/resources.fixture.js';
import { validate } from '../resources/validate.js';
import { writeConfiguration } from '../resources/write.js';
import { readDocuments } from './documents.js';
import { specificationExample } from './gateway-api/gateway-api.fixture.js';
import { IMPORTERS } from './importers/index.js';
import { lobbyDocument } from './lobby/lobby.fixture.js';

type Path = readonly (string | number)[];

const slice = {
  ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
  metadata: { name: 's', namespace: 'acme-corp', labels: { 'kubernetes.io/service-name': 'compute-workload-a' } },
  ports: [{ name: 'http', port: 9090, protocol: 'TCP' }],
  endpoints: [{ addresses: ['10.1.0.1'], conditions: { ready: true } }],
};

const SOURCES: Readonly<Record<string, readonly unknown[]>> = {
  core: [coreDocument()],
  lobby: [lobbyDocument()],
  'gateway-api': [...specificationExample(), slice],
};

/** What people and programs write by mistake. */
const wrong = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    65_536,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    ' ',
    [],
    {},
  ),
  fc.constantFrom<unknown>(
    '10.0.0.1',
    'fd00::1',
    '10s',
    'tcp',
    'TCP',
    'inherit',
    'constructor',
    '__proto__',
    80,
    'a'.repeat(300),
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.anything({ maxDepth: 2, withNullPrototype: true }),
);

interface Mutation {
  readonly place: number;
  readonly kind: 'replace' | 'delete' | 'insert' | 'repeat';
  readonly key: string;
  readonly value: unknown;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(),
  kind: fc.constantFrom('replace', 'delete', 'insert', 'repeat'),
  key: fc.oneof(fc.constantFrom('name', 'port', 'weight', 'spec', 'constructor'), fc.string({ maxLength: 8 })),
  value: wrong,
});

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, inner]) =>
      pathsOf(inner, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

/** Changes one place, whatever it is. */
function mutate(document: unknown, { place, kind, key, value: shared }: Mutation): unknown {
  const value: unknown = structuredClone(shared);
  const paths = pathsOf(document);
  const path = paths[place % paths.length]!;
  if (path.length === 0) return kind === 'replace' ? value : document;
  let parent = document as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) parent = parent[step] as Record<string | number, unknown>;
  const last = path.at(-1)!;
  const here = parent[last];
  if (kind === 'delete') delete parent[last];
  else if (kind === 'replace') parent[last] = value;
  else if (Array.isArray(here)) here.push(kind === 'repeat' ? structuredClone(here[0]) : value);
  else if (typeof here === 'object' && here !== null) {
    Object.defineProperty(here, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return document;
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const inner of Object.values(value)) if (!Object.isFrozen(inner)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

describe('any document', () => {
  it.each(Object.keys(SOURCES))(
    'LOB-03, L4-15: of the form %s is read whole or refused with problems, and never changed',
    (form) => {
      let accepted = 0;
      fc.assert(
        fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
          let documents: unknown = structuredClone(SOURCES[form]!);
          for (const one of mutations) documents = mutate(documents, one);
          const source: readonly unknown[] = frozen(Array.isArray(documents) ? documents : [documents]);
          try {
            const { configuration, notes } = readDocuments(source);
            accepted++;
            expect(validate(configuration).problems).toEqual([]);
            expect(readConfiguration(writeConfiguration(configuration)).configuration).toEqual(configuration);
            expect(notes.every(({ document }) => document < Math.max(source.length, 1))).toBe(true);
          } catch (error) {
            if (!(error instanceof ResourceError)) throw error;
            expect(error.problems.length).toBeGreaterThan(0);
            for (const { document, message } of error.problems) {
              expect(document).toBeLessThan(Math.max(source.length, 1));
              expect(message).toMatch(/expected |^missing/);
              expect(message).not.toMatch(/\p{Cc}/u);
            }
          }
        }),
        { seed: 11, numRuns: 2_000 },
      );
      // Both ways are taken, or this would prove nothing.
      expect(accepted).toBeGreaterThan(50);
      expect(accepted).toBeLessThan(1_900);
    },
  );

  it('of no form at all is refused', () => {
    fc.assert(
      fc.property(fc.array(fc.anything(), { maxLength: 3 }), (documents) => {
        expect(() => readDocuments(documents)).toThrow(ResourceError);
      }),
      { seed: 12, numRuns: 500 },
    );
  });
});

const TEXTS: Readonly<Record<keyof typeof IMPORTERS, string>> = {
  haproxy: [
    'defaults\n mode tcp\n timeout connect 5s\n timeout client 1m',
    'listen web\n bind 192.0.2.1:80,[2001:db8::1]:80 interface eth0\n balance leastconn\n option httpchk GET /',
    ' http-check expect status 200-204,301\n stick-table type ip size 1m expire 30m\n stick on src',
    ' server "a b" 10.0.0.1:80 check inter 2s rise 2 fall 3 weight 5 backup\n server c c.example:81 check-ssl check maxconn 5',
  ].join('\n'),
  nginx: [
    'stream { upstream u { hash $remote_addr; server 10.0.0.1:80 weight=2 max_fails=3 fail_timeout=10s; }',
    'server { listen [::]:80 udp; proxy_pass u; proxy_timeout 1h; allow 10.0.0.0/8; deny all; } } # end "x',
  ].join('\n'),
  ipvs: '-A -t 192.0.2.1:80 -s mh -b mh-port -p 300 -M 255.0.0.0\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 1 -x 5 -y 4\n',
};

describe('any text', () => {
  const edit = fc.record({
    at: fc.nat(),
    length: fc.nat({ max: 12 }),
    insert: fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom('{', '}', ';', '"', "'", '\\', '\n', '#', ':', '[', '-s', '0'),
    ),
  });

  it.each(Object.keys(TEXTS) as (keyof typeof TEXTS)[])('is imported from %s, or refused as no syntax', (format) => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 4 }), (edits) => {
        let text = TEXTS[format];
        for (const { at, length, insert } of edits) {
          const start = at % (text.length + 1);
          text = text.slice(0, start) + insert + text.slice(start + length);
        }
        try {
          const { configuration, problems, omitted } = IMPORTERS[format](text);
          expect(validate(configuration).problems).toEqual(problems);
          for (const { line, reason } of omitted) {
            expect(line).toBeGreaterThan(0);
            expect(line).toBeLessThanOrEqual(text.split('\n').length);
            expect(reason).not.toBe('');
          }
        } catch (error) {
          if (!(error instanceof ResourceError)) throw error;
        }
      }),
      { seed: 13, numRuns: 1_000 },
    );
  });
});
