import { FlowPredictor, type HashChoice, jenkinsHash } from '@higgins/balancing';
import { parseAddress } from '@higgins/ipdata';
import { xdpObstacle } from '@higgins/netlink';
import { describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { bpfFileSystem, frame } from '../../../../netlink/src/xdp.fixture.js';
import { type ServiceOptions, serviceOf } from './maglev.fixture.js';
import type { DesiredService } from './model.js';
import type { Hop, Surroundings } from './surroundings.js';
import { XdpAcceleration } from './xdp.js';

const DEVICE = 'lo';
const FLOWS = 1_200;
const obstacle = process.getuid?.() === 0 ? xdpObstacle() : 'loading programs needs root';
const KEYS = [
  undefined,
  { fields: ['source-address'] },
  { fields: ['source-address'], sourcePrefixLength: { ipv4: 24, ipv6: 56 } },
] as const;

await describeInNamespace('XDP acceleration', import.meta.filename, ['network'], () => {
  if (obstacle !== null) return void it.skip(`skipped: ${obstacle}`, () => {});

  describe.each([
    [4, 'tcp', 'dsr-l2'],
    [4, 'udp', 'dsr-l3'],
    [6, 'udp', 'dsr-l2'],
    [6, 'tcp', 'dsr-l3'],
  ] as const)('IPv%i, %s, %s', (family, protocol, dataPath) => {
    it('L4-10, L4-24: sends every flow to the predicted member, after additions, removals and changes of weights', async () => {
      using bpf = bpfFileSystem();
      const acceleration = new XdpAcceleration({ directory: `${bpf.path}/lb`, mode: 'generic' });
      const pools = [
        pool(family, [1, 1, 1, 1]),
        pool(family, [1, 1, 1, 1, 1]),
        pool(family, [1, 0, 1, 1, 1]),
        pool(family, [1, 2, 7]),
      ];
      for (const key of KEYS) {
        for (const members of pools) {
          const selection = key ? { key } : {};
          const service = accelerated({ ...{ protocol, dataPath, members, selection }, addresses: [vip(family, 0)] });
          await acceleration.apply([service], surroundingsOf(service));
          expect(acceleration.refused.size).toBe(0);
          expect(wrongFlows(acceleration, service)).toEqual([]);
        }
      }
      await acceleration.flush();
    });
  });

  it('LOB-70: serves addresses, prefixes and ranges of several services, and counts by member', async () => {
    using bpf = bpfFileSystem();
    const acceleration = new XdpAcceleration({ directory: `${bpf.path}/lb`, mode: 'generic' });
    const services = [
      accelerated({ id: 'web', addresses: ['10.9.9.9', '10.9.8.0/30', '10.9.7.1-10.9.7.3'], members: pool(4, [1, 1]) }),
      accelerated({ id: 'dns', protocol: 'udp', addresses: ['fd09::/126'], members: pool(6, [1, 1, 1]) }),
    ];
    const all = { devices: [], hops: new Map(services.flatMap((service) => [...surroundingsOf(service).hops])) };
    await acceleration.apply(services, all);
    const served = ['10.9.9.9', '10.9.8.0', '10.9.8.3', '10.9.7.1', '10.9.7.3'].map((to) =>
      verdict(acceleration, 'tcp', to),
    );
    expect(served).toEqual(Array(5).fill('transmit'));
    const beyond = ['10.9.8.4', '10.9.7.0', '10.9.7.4'].map((to) => verdict(acceleration, 'tcp', to));
    expect(beyond).toEqual(Array(3).fill('pass'));
    expect(verdict(acceleration, 'udp', 'fd09::3')).toBe('transmit');
    expect(verdict(acceleration, 'tcp', 'fd09::3')).toBe('pass');
    const counters = await acceleration.counters();
    const packets = [...counters].map(([id, members]) => [
      id,
      [...members.values()].reduce((sum, one) => sum + one.packets, 0),
    ]);
    expect(packets).toEqual([
      ['dns', 1],
      ['web', 5],
    ]);
    expect(await acceleration.verify()).toEqual([]);
    await acceleration.flush();
    expect(acceleration.run(new Uint8Array(60), DEVICE)).toBe(null);
  });

  it('LOB-70, L4-85: names why a service is not accelerated, and refuses one that requires it', async () => {
    using bpf = bpfFileSystem();
    const acceleration = new XdpAcceleration({ directory: `${bpf.path}/lb`, mode: 'generic' });
    const reasons: readonly [Partial<ServiceOptions>, string][] = [
      [{ dataPath: 'nat' }, 'destination translation needs connection tracking'],
      [{ selection: { algorithm: 'round-robin' } }, 'members are not chosen by hash'],
      [{ interfaces: [] }, 'no receiving interfaces are named'],
      [{ interfaces: ['absent0'] }, 'device absent0 is not there'],
      [
        { affinity: { key: { fields: ['source-address'] }, ttlMs: 1_000, entriesMax: 1 } },
        'affinity is remembered by nftables',
      ],
      [{ connectionsPerSecond: 10 }, 'connections per second are limited by nftables'],
      [{ block: ['192.0.2.0/24'] }, 'source ranges are checked by nftables'],
      [{ mirror: '192.0.2.1' }, 'packets are mirrored by nftables'],
      [{ addresses: [] }, 'no addresses are named'],
      [{ addresses: ['10.9.0.0/16'] }, 'more than 4096 addresses'],
    ];
    for (const [options, reason] of reasons) {
      const service = accelerated({ addresses: ['10.9.9.9'], members: pool(4, [1, 1]), ...options });
      expect(await acceleration.apply([service], surroundingsOf(service))).toBe(false);
      expect([...acceleration.refused]).toEqual([[service.id, reason]]);
      const required = { ...service, acceleration: 'require' } as const;
      await expect(acceleration.apply([required], surroundingsOf(service))).rejects.toThrow(
        `service ${service.id} requires XDP: ${reason}`,
      );
    }
    const service = accelerated({ addresses: ['10.9.9.9'], members: pool(4, [1, 1]) });
    const unreachable = { devices: [], hops: new Map() };
    await acceleration.apply([service], unreachable);
    expect([...acceleration.refused.values()]).toEqual(["member 10.2.0.1 can't be reached"]);
    const native = new XdpAcceleration({ directory: `${bpf.path}/lb` });
    await native.apply([service], surroundingsOf(service));
    expect([...native.refused.values()]).toEqual(['the driver of device lo runs no XDP programs']);
  });

  it('L4-82: goes on where another process ended, and takes a predecessor off that nobody asks for any more', async () => {
    using bpf = bpfFileSystem();
    const options = { directory: `${bpf.path}/lb`, mode: 'generic' } as const;
    const service = accelerated({ addresses: ['10.9.9.9'], members: pool(4, [1, 1]) });
    expect(await new XdpAcceleration(options).apply([service], surroundingsOf(service))).toBe(true);
    const second = new XdpAcceleration(options);
    expect(await second.apply([service], surroundingsOf(service))).toBe(true);
    expect(await second.apply([service], surroundingsOf(service))).toBe(false);
    expect(await second.verify()).toEqual([]);
    const third = new XdpAcceleration(options);
    expect(await third.apply([{ ...service, acceleration: 'off' }], surroundingsOf(service))).toBe(true);
    expect(await second.verify()).toEqual(['XDP program is not attached to device 1']);
    expect(await third.apply([], surroundingsOf(service))).toBe(false);
  });
});

function accelerated(options: Partial<ServiceOptions> & Pick<ServiceOptions, 'members' | 'addresses'>): DesiredService {
  return serviceOf({
    id: 'web',
    port: 443,
    dataPath: 'dsr-l2',
    acceleration: 'auto',
    interfaces: [DEVICE],
    ...options,
  });
}

function pool(family: 4 | 6, weights: readonly number[]): Record<string, number> {
  const address = (index: number) => (family === 4 ? `10.2.0.${index + 1}` : `fd02::${index + 1}`);
  return Object.fromEntries(weights.map((weight, index) => [address(index), weight]));
}

/** Members answer to MAC addresses that end in the last byte of their address. */
function surroundingsOf(service: DesiredService): Surroundings {
  const hops = [...service.members.values()].map(({ address }): [string, Hop] => [
    address,
    {
      ...{ device: DEVICE, deviceIndex: 1, deviceMac: '00:00:00:00:00:00', gateway: address, onLink: true },
      mac: `02:00:00:00:00:0${address.at(-1)}`,
    },
  ]);
  return { devices: [DEVICE], hops: new Map(hops) };
}

function wrongFlows(acceleration: XdpAcceleration, service: DesiredService): number[] {
  const { family, protocol, port, table } = service;
  const predictor = new FlowPredictor(service.choice as HashChoice);
  const destinationAddress = bytesOf(vip(family, 0));
  return Array.from({ length: FLOWS }, (_, index) => index).filter((index) => {
    const sourceAddress = Uint8Array.from({ length: family === 4 ? 4 : 16 }, (_, byte) => random(index, byte));
    const [sourcePort, destinationPort] = [random(index, 99) & 0xffff, port];
    const predicted = predictor.memberOf(
      { protocol, sourceAddress, destinationAddress, sourcePort, destinationPort },
      table,
    );
    const shape = { protocol, source: sourceAddress, destination: destinationAddress, sourcePort, destinationPort };
    const result = acceleration.run(frame(shape), DEVICE)!;
    return result.verdict !== 'transmit' || String(result.frame[5]) !== predicted?.at(-1);
  });
}

function verdict(acceleration: XdpAcceleration, protocol: 'tcp' | 'udp', to: string): string | undefined {
  const source = bytesOf(to.includes(':') ? 'fd01::1' : '10.1.0.1');
  const shape = { protocol, source, destination: bytesOf(to), sourcePort: 1024, destinationPort: 443 };
  return acceleration.run(frame(shape), DEVICE)?.verdict;
}

function vip(family: 4 | 6, number: number): string {
  return family === 4 ? `10.9.9.${9 + number}` : `fd09::${9 + number}`;
}

function bytesOf(address: string): Uint8Array {
  const { words } = parseAddress(address);
  const bytes = new DataView(new ArrayBuffer(words.length * 4));
  for (const [index, word] of words.entries()) bytes.setUint32(index * 4, word);
  return new Uint8Array(bytes.buffer);
}

function random(a: number, b: number): number {
  return jenkinsHash(Uint8Array.of(a, a >> 8, b), 0);
}
