import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { SocketAddress } from 'node:net';
import { describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../../test/support/namespace.js';
import { buildMaglev, FIVE_TUPLE_KEY, type Flow, FlowPredictor, type SlotTable } from '../../balancing/src/index.js';
import { bpfFileSystem, PROTOCOLS } from './xdp.fixture.js';
import { Xdp, xdpDevices, xdpObstacle } from './xdp.js';
import type { XdpHop, XdpService } from './xdp-services.js';
import {
  type Ask,
  BACKENDS,
  CLIENTS,
  clientAddress,
  lines,
  missingTool,
  VIP_PORT,
  VIPS,
  Wires,
} from './xdp-wires.fixture.js';

const MODULE = new URL('../dist/index.js', import.meta.url).href;
const OPTIONS = { size: 4093, seed: 0x5eed } as const;
const predictor = new FlowPredictor({ kind: 'hash', key: FIVE_TUPLE_KEY, ...OPTIONS });
const obstacle = process.getuid?.() === 0 ? (xdpObstacle() ?? missingTool()) : 'loading programs needs root';

await describeInNamespace('XDP on wires', import.meta.filename, ['network'], () => {
  if (obstacle !== null) return void it.skip(`skipped: ${obstacle}`, () => {});

  describe.each(['neighbour', 'route'] as const)('members by %s', (kind) => {
    it('L4-24, L4-28, L4-58, L4-60: real TCP and UDP reach the predicted member, which answers past the balancer', async () => {
      using bpf = bpfFileSystem();
      await using wires = await Wires.make();
      await wires.findNeighbours();
      const xdp = new Xdp({ directory: `${bpf.path}/wires` });
      for (const weights of [
        [1, 1, 1],
        [1, 0, 1],
        [1, 2, 5],
      ]) {
        const table = tableOf(weights);
        await xdp.apply(services(wires, kind, table));
        const before = wires.packetsUp();
        for (const family of [4, 6] as const) {
          for (const protocol of ['tcp', 'udp'] as const) {
            const all = asks(family, protocol, weights[2]!);
            const predicted = all.map((ask) => predictor.memberOf(flowOf(ask), table));
            expect(await wires.ask(all)).toEqual(predicted);
          }
        }
        // Neighbour discovery may answer; 4 × 100 exchanges may not.
        expect(wires.packetsUp() - before).toBeLessThan(20);
      }
      const { members, passed } = await xdp.counters();
      expect(members.length).toBe(4 * BACKENDS);
      expect(members.every(({ packets }) => packets > 0)).toBe(true);
      expect(passed).toMatchObject({ nobody: 0, device: 0, fragment: 0, ttl: 0 });
      expect(await xdp.verify()).toEqual([]);
      await xdp.remove();
    });
  });

  it('loses no packet while tables and programs change', async () => {
    using bpf = bpfFileSystem();
    await using wires = await Wires.make();
    const xdp = new Xdp({ directory: `${bpf.path}/wires` });
    for (const family of [4, 6] as const) {
      await xdp.apply(services(wires, 'neighbour', tableOf([1, 1, 1])));
      const stream = await wires.stream(family);
      for (let change = 0; change < 30; change++) {
        const changed = services(wires, 'neighbour', tableOf([1, change % 3, (change + 1) % 3]));
        // Every third change takes another program: a further address.
        const further = { ...changed[0]!, id: 'further', port: VIP_PORT + 1 };
        const { program } = await xdp.apply(change % 3 === 0 ? [...changed, further] : changed);
        expect(program).toBe(change % 3 < 2);
      }
      const { sent, answered } = await stream.stop();
      expect(sent).toBeGreaterThan(0);
      expect(answered).toBe(sent);
    }
    await xdp.remove();
  });

  it('L4-82: serves on after SIGKILL, and the next process takes over without a packet in between', async () => {
    using bpf = bpfFileSystem();
    await using wires = await Wires.make();
    const directory = `${bpf.path}/wires`;
    const table = tableOf([1, 1, 1]);
    const desired = services(wires, 'neighbour', table);
    const script = `const { Xdp } = await import(${JSON.stringify(MODULE)});
      const services = JSON.parse(process.argv[1], (_, value) =>
        value?.bytes ? Uint8Array.from(value.bytes) : value?.words ? Uint16Array.from(value.words) : value);
      await new Xdp({ directory: ${JSON.stringify(directory)} }).apply(services);
      console.log('applied');
      setInterval(() => {}, 1000);`;
    const loader = spawn(process.execPath, ['--input-type=module', '--eval', script, serialized(desired)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await lines(loader, 1);
    const stream = await wires.stream(4);
    loader.kill('SIGKILL');
    await once(loader, 'close');
    const all = asks(4, 'tcp', 3);
    expect(await wires.ask(all)).toEqual(all.map((ask) => predictor.memberOf(flowOf(ask), table)));
    const next = new Xdp({ directory });
    expect(await next.apply(desired)).toEqual({ program: true, tables: 0 });
    expect(await next.verify()).toEqual([]);
    const { sent, answered } = await stream.stop();
    expect([sent > 0, answered]).toEqual([true, sent]);
    await next.remove();
    expect(await wires.ask(all.slice(0, 3), 200)).toEqual([null, null, null]);
  });

  it('knows which devices can receive and send', async () => {
    await using _wires = await Wires.make();
    const devices = xdpDevices();
    if (devices === null) return;
    const byName = new Map(devices.map((device) => [device.name, device]));
    expect(byName.get('lo')).toMatchObject({ receives: false, transmits: false });
    expect(byName.get('down0')).toMatchObject({ receives: true, transmits: true });
  });

  it('leaves packets to the kernel that would leave by a device which can not send for XDP', async () => {
    using bpf = bpfFileSystem();
    await using wires = await Wires.make();
    const xdp = new Xdp({ directory: `${bpf.path}/wires` });
    const table = tableOf([1, 1, 1]);
    const [first, ...rest] = services(wires, 'neighbour', table);
    const members = first!.members.map(({ name }) => {
      return { name, hop: { kind: 'neighbour', device: 'lo', mac: new Uint8Array(6) } as const };
    });
    await xdp.apply([{ ...first!, members }, ...rest]);
    expect(await wires.ask(asks(4, 'tcp', 0).slice(0, 2), 200)).toEqual([null, null]);
    expect((await xdp.counters()).passed.device).toBeGreaterThan(0);
    await xdp.remove();
  });
});

function tableOf(weights: readonly number[]): SlotTable {
  return buildMaglev(
    weights.map((weight, index) => ({ name: `backend-${index}`, weight })),
    OPTIONS,
  );
}

function services(wires: Wires, kind: XdpHop['kind'], table: SlotTable): XdpService[] {
  // All members, in the table or not, so that their counters go on.
  const names = Array.from({ length: BACKENDS }, (_, number) => `backend-${number}`);
  const slots = table.slots.map((slot) => names.indexOf(table.members[slot]!));
  const macs = wires.backendMacs;
  return ([4, 6] as const).flatMap((family) =>
    (['tcp', 'udp'] as const).map((protocol) => ({
      ...{ id: `${protocol}${family}`, family, protocol: PROTOCOLS[protocol], port: VIP_PORT, devices: ['front'] },
      ...{ addresses: [bytesOf(VIPS[family])], seed: OPTIONS.seed, fields: FIVE_TUPLE_KEY.fields },
      ...{ routed: kind === 'route', slots },
      members: names.map((name, number) => {
        const mac = macs[number]!;
        const route = { kind: 'route', address: bytesOf(wires.backendAddress(family, number)) } as const;
        return { name, hop: kind === 'route' ? route : { kind: 'neighbour', device: `down${number}`, mac } };
      }),
    })),
  );
}

function asks(family: 4 | 6, protocol: 'tcp' | 'udp', round: number): Ask[] {
  return Array.from({ length: 100 }, (_, index) => ({
    ...{ family, protocol, source: clientAddress(family, index % CLIENTS) },
    sourcePort: 20_000 + round * 1_000 + index * 7,
  }));
}

function flowOf({ family, protocol, source, sourcePort }: Ask): Flow {
  const [sourceAddress, destinationAddress] = [bytesOf(source), bytesOf(VIPS[family])];
  return { protocol, sourceAddress, destinationAddress, sourcePort, destinationPort: VIP_PORT };
}

function bytesOf(text: string): Uint8Array {
  if (!text.includes(':')) return Uint8Array.from(text.split('.').map(Number));
  const { address } = new SocketAddress({ family: 'ipv6', address: text });
  const [head = '', tail = ''] = address.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const [front, back] = [groups(head), groups(tail)];
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function serialized(services: readonly XdpService[]): string {
  return JSON.stringify(services, (_, value: unknown) => {
    if (value instanceof Uint8Array) return { bytes: [...value] };
    return value instanceof Uint16Array ? { words: [...value] } : value;
  });
}
