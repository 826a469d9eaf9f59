import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGatewayApi } from '@higgins/balancing/front-ends';
import { VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../../../../test/support/until.js';
import { EndpointFiles } from './endpoint-files.js';

let directory: string;
let world: VirtualWorld;
let runtime: VirtualRuntime;
let source: EndpointFiles;
let told: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'higgins-endpoints-'));
  world = new VirtualWorld({ seed: 1 });
  runtime = new VirtualMachine(world, { name: 'node', uptimeMs: 0 }).start();
  told = [];
});

afterEach(() => {
  source[Symbol.dispose]();
  expect(world.pending).toBe(0);
  rmSync(directory, { recursive: true });
});

it('L4-66: EndpointSlices in files beside the configuration are the members of its routes, in JSON and YAML', () => {
  write(
    'one.json',
    JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [slice('web-a', ['10.1.0.1', '10.1.0.2'])] }),
  );
  write('two.yaml', `${JSON.stringify(slice('web-b', ['10.1.0.3']))}\n---\n${JSON.stringify(SERVICE)}\n`);
  open(directory);
  const { configuration } = readGatewayApi([GATEWAY, ROUTE, ...source.documents]);
  const members = configuration.loadBalancers[0]!.pools[0]!.members;
  expect(members.map(({ host, port }) => `${host}:${port}`)).toEqual([
    '10.1.0.1:9090',
    '10.1.0.2:9090',
    '10.1.0.3:9090',
  ]);
});

it('L4-66: follows the files of a directory as they are written, replaced by renaming, and removed', async () => {
  write('a.json', JSON.stringify(slice('web-a', ['10.1.0.1'])));
  open(directory);
  expect(told).toEqual(['10.1.0.1']);
  write('b.json', JSON.stringify(slice('web-b', ['10.1.0.2'])));
  await heard('10.1.0.1 10.1.0.2');
  write('.next', JSON.stringify(slice('web-a', ['10.1.0.9'])));
  renameSync(join(directory, '.next'), join(directory, 'a.json'));
  await heard('10.1.0.9 10.1.0.2');
  rmSync(join(directory, 'a.json'));
  await heard('10.1.0.2');
  source.reload();
  expect(told).toHaveLength(4);
});

it('L4-66: keeps what a file said last when it can no longer be read, says why once, and goes on afterwards', async () => {
  write('a.json', JSON.stringify(slice('web-a', ['10.1.0.1'])));
  write('b.json', JSON.stringify(slice('web-b', ['10.1.0.2'])));
  open(directory);
  write('a.json', '{"kind": "EndpointSlice", ');
  write('b.json', JSON.stringify(slice('web-b', ['10.1.0.3'])));
  source.reload();
  source.reload();
  expect(told.slice(1)).toEqual(['10.1.0.1 10.1.0.3', expect.stringMatching(/^stale .*a\.json:1: /)]);
  write('a.json', JSON.stringify(slice('web-a', ['10.1.0.4'])));
  source.reload();
  expect(told.slice(3)).toEqual(['10.1.0.4 10.1.0.3', 'fresh']);
  write('a.json', '');
  source.reload();
  expect(told.at(-1)).toBe('stale a.json: is empty, expected a document');
  write('a.json', '{"kind": "List", "items": []}');
  source.reload();
  expect(told.slice(-2)).toEqual(['10.1.0.3', 'fresh']);
});

it('L4-66: an empty or missing directory takes nobody out; a slice without endpoints does', () => {
  const path = join(directory, 'endpoints');
  mkdirSync(path);
  write('endpoints/a.json', JSON.stringify(slice('web-a', ['10.1.0.1'])));
  open(path);
  rmSync(join(path, 'a.json'));
  source.reload();
  rmSync(path, { recursive: true });
  source.reload();
  expect(told.slice(1)).toEqual([
    expect.stringMatching(/^stale .*endpoints: has no file with endpoints, expected .json, .yaml or .yml$/),
    expect.stringMatching(/^stale ENOENT/),
  ]);
  expect(source.documents).toHaveLength(1);
  mkdirSync(path);
  write('endpoints/a.json', JSON.stringify(slice('web-a', [])));
  source.reload();
  expect(told.slice(-2)).toEqual(['', 'fresh']);
});

it('looks again after a while where nothing could be watched', async () => {
  const path = join(directory, 'later.json');
  open(path);
  expect(told).toEqual([expect.stringMatching(/^stale ENOENT/)]);
  write('later.json', JSON.stringify(slice('web-a', ['10.1.0.1'])));
  await world.runFor(30_000);
  expect(told.slice(1)).toEqual(['10.1.0.1', 'fresh']);
  write('later.json', JSON.stringify(slice('web-a', ['10.1.0.2'])));
  await heard('10.1.0.2');
});

it.each([
  [gatewayDocument(), 'kind is "Gateway", expected one of EndpointSlice, Service'],
  [{ ...slice('a', []), apiVersion: 'discovery.k8s.io/v1beta1' }, 'apiVersion: "discovery.k8s.io/v1beta1" is refused'],
  [{ ...slice('a', []), addressType: 'IPX' }, 'addressType: '],
  ['text', 'kind is undefined'],
])('refuses a document %#', (document, reason) => {
  write('a.json', JSON.stringify(document));
  open(directory);
  expect(told).toEqual([expect.stringContaining(`stale a.json: ${reason}`)]);
});

it('refuses a set in which two files hold the same slice, as a whole', () => {
  write('a.json', JSON.stringify(slice('web-a', ['10.1.0.1'])));
  open(directory);
  write('b.json', JSON.stringify(slice('web-a', ['10.1.0.2'])));
  source.reload();
  expect(told[1]).toMatch(/^stale .*metadata\.name: "web-a" is refused/);
  expect(source.documents).toHaveLength(1);
});

const GATEWAY = {
  ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'gw', namespace: 'shop' } },
  spec: {
    gatewayClassName: 'datum-cilium',
    addresses: [{ type: 'IPAddress', value: '192.0.2.1' }],
    listeners: [{ name: 'web', port: 80, protocol: 'TCP' }],
  },
};
const ROUTE = {
  ...{
    apiVersion: 'gateway.networking.k8s.io/v1alpha2',
    kind: 'TCPRoute',
    metadata: { name: 'web', namespace: 'shop' },
  },
  spec: { parentRefs: [{ name: 'gw' }], rules: [{ backendRefs: [{ name: 'web', port: 8080 }] }] },
};
const SERVICE = {
  ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'shop' } },
  spec: { ports: [{ name: 'http', port: 8080, targetPort: 9090 }] },
};

/** A valid resource that does not belong here. */
function gatewayDocument() {
  return { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'gw' }, spec: {} };
}

function slice(name: string, addresses: readonly string[]) {
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name, namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    ports: [{ name: 'http', port: 9090, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

function open(path: string): void {
  source = new EndpointFiles(path, runtime, {
    changed: (documents) => {
      const slices = documents as { endpoints?: { addresses: string[] }[] }[];
      told.push(slices.flatMap(({ endpoints = [] }) => endpoints.flatMap(({ addresses }) => addresses)).join(' '));
    },
    stale: (reason) => told.push(reason === null ? 'fresh' : `stale ${reason.replaceAll(`${directory}/`, '')}`),
  });
  source.start();
}

function write(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

/** The file system tells in real time, what it tells settles in virtual time. */
async function heard(expected: string): Promise<void> {
  await until(async () => {
    await world.runFor(50);
    return told.at(-1) === expected;
  });
}
