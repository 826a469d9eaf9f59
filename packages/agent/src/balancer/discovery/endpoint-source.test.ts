import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BalancerConfiguration } from '@higgins/balancing';
import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { until } from '../../../../../test/support/until.js';
import { EndpointSource } from './endpoint-source.js';

const EXAMPLE = fileURLToPath(new URL('../../../../../examples/lb/gateway-api.yaml', import.meta.url));
const OTHER = 'compute-workload-b.acme-corp';

let directory: string;
let world: VirtualWorld;
let source: EndpointSource;
let told: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'higgins-endpoints-'));
  mkdirSync(join(directory, 'endpoints'));
  copyFileSync(EXAMPLE, join(directory, 'lb.yaml'));
  world = new VirtualWorld({ seed: 1 });
  told = [];
  source = new EndpointSource({
    path: join(directory, 'lb.yaml'),
    endpoints: join(directory, 'endpoints'),
    validation: {},
    runtime: new VirtualMachine(world, { name: 'node', uptimeMs: 0 }).start(),
    noted: () => {},
  });
});

afterEach(async () => {
  await source[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

it('L4-66: members follow the EndpointSlices of a Service, without a reload', async () => {
  endpoints('10.1.0.1');
  expect(hostsOf(await source.open())).toBe(`10.1.0.1 ${OTHER}`);
  start();
  endpoints('10.1.0.1', '10.1.0.2');
  await heard(`10.1.0.1 10.1.0.2 ${OTHER}`);
  writeFileSync(join(directory, 'endpoints/a.json'), '{');
  await heard(expect.stringMatching(/^stale .*a\.json:1: /));
  expect(hostsOf(await source.reread())).toBe(`10.1.0.1 10.1.0.2 ${OTHER}`);
  endpoints('10.1.0.2');
  await heard('fresh');
  expect(told.at(-2)).toBe(`10.1.0.2 ${OTHER}`);
});

it('L4-66: starts without endpoints, and says that they are missing', async () => {
  expect(hostsOf(await source.open())).toBe(`compute-workload-a.acme-corp ${OTHER}`);
  start();
  expect(told).toEqual([expect.stringMatching(/^stale .*endpoints: has no file with endpoints/)]);
});

it('L4-66: endpoints do not carry in a configuration that was broken meanwhile', async () => {
  endpoints('10.1.0.1');
  await source.open();
  start();
  writeFileSync(join(directory, 'lb.yaml'), 'apiVersion: [');
  endpoints('10.1.0.2');
  await heard(expect.stringMatching(/^refused .*lb\.yaml:1: /));
  await expect(source.reread()).rejects.toThrow(/lb\.yaml:1: /);
});

function start(): void {
  source.start({
    changed: (configuration) => told.push(hostsOf(configuration)),
    refused: (reason) => told.push(`refused ${reason}`),
    stale: (reason) => told.push(reason === null ? 'fresh' : `stale ${reason}`),
  });
}

function hostsOf({ loadBalancers }: BalancerConfiguration): string {
  return loadBalancers
    .flatMap(({ pools }) => pools.flatMap(({ members }) => members.map(({ host }) => host)))
    .join(' ');
}

function endpoints(...addresses: string[]): void {
  const slice = {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: {
      ...{ name: 'a', namespace: 'acme-corp' },
      labels: { 'kubernetes.io/service-name': 'compute-workload-a' },
    },
    ports: [{ port: 9090 }],
    endpoints: addresses.map((address) => ({ addresses: [address] })),
  };
  writeFileSync(join(directory, 'endpoints/a.json'), JSON.stringify(slice));
}

/** The file system tells in real time, what it tells settles in virtual time. */
async function heard(expected: unknown): Promise<void> {
  await until(async () => {
    await world.runFor(50);
    return told.length > 0 && matches(told.at(-1), expected);
  });
}

function matches(actual: unknown, expected: unknown): boolean {
  try {
    expect(actual).toEqual(expected);
    return true;
  } catch {
    return false;
  }
}
