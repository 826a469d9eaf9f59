import { Netlink, xdpObstacle } from '@higgins/netlink';
import { describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { bpfFileSystem } from '../../../../netlink/src/xdp.fixture.js';
import {
  type Ask,
  BACKENDS,
  CLIENTS,
  clientAddress,
  missingTool,
  VIP_PORT,
  VIPS,
  Wires,
} from '../../../../netlink/src/xdp-wires.fixture.js';
import { predictorOf, serviceOf } from './maglev.fixture.js';
import type { DesiredService } from './model.js';
import { MaglevTarget } from './target.js';
import { XdpAcceleration } from './xdp.js';

const SIGNAL = new AbortController().signal;
const ASKS = 60;
const obstacle = process.getuid?.() === 0 ? (xdpObstacle() ?? missingTool()) : 'loading programs needs root';

await describeInNamespace('maglev target with XDP', import.meta.filename, ['network'], () => {
  if (obstacle !== null) return void it.skip(`skipped: ${obstacle}`, () => {});

  describe.each(['dsr-l2', 'dsr-l3'] as const)('%s', (dataPath) => {
    it('L4-24, L4-28: XDP and nftables send real TCP and UDP to the same, predicted members', async () => {
      using bpf = bpfFileSystem();
      await using wires = await Wires.make();
      const target = targetIn(bpf.path);
      for (const [round, weights] of [
        [1, 1, 1],
        [1, 0, 1],
        [5, 1, 2],
      ].entries()) {
        for (const acceleration of ['require', 'off', 'auto'] as const) {
          const services = servicesOf(wires, weights, { dataPath, acceleration });
          const before = packetsOf(await target.counters());
          await target.apply({ services }, SIGNAL);
          expect(await target.verify()).toEqual([]);
          for (const service of services) {
            const asks = asksOf(service, round);
            const predict = predictorOf(service);
            const predicted = asks.map((ask) => predict(ask.source, ask.sourcePort, VIPS[ask.family]));
            expect(await wires.ask(asks)).toEqual(predicted.map((address) => backendAt(address)));
          }
          expect(packetsOf(await target.counters()) - before).toBeGreaterThanOrEqual(services.length * ASKS);
        }
      }
      expect(target.notAccelerated.size).toBe(0);
      await target.flush();
    });
  });

  it('L4-82, L4-83: a new process goes on with what it finds, and puts the program back where it was taken off', async () => {
    using bpf = bpfFileSystem();
    await using wires = await Wires.make();
    const services = servicesOf(wires, [1, 1, 1], { dataPath: 'dsr-l2', acceleration: 'auto' });
    await targetIn(bpf.path).apply({ services }, SIGNAL);
    const stream = await wires.stream(4);
    const next = targetIn(bpf.path);
    await next.apply({ services }, SIGNAL);
    expect(await next.verify()).toEqual([]);
    await new XdpAcceleration({ directory: `${bpf.path}/lb` }).flush();
    expect(await next.verify()).toEqual([expect.stringMatching(/^XDP program is not attached/)]);
    await next.apply({ services }, SIGNAL);
    expect(await next.verify()).toEqual([]);
    const { sent, answered } = await stream.stop();
    expect([sent > 0, answered]).toEqual([true, sent]);
    await next.flush();
  });

  it('LOB-70: a service that requires XDP where it can not be had is refused, and what is in force stays', async () => {
    using bpf = bpfFileSystem();
    await using wires = await Wires.make();
    const target = targetIn(bpf.path);
    const services = servicesOf(wires, [1, 1, 1], { dataPath: 'dsr-l2', acceleration: 'require' });
    await target.apply({ services }, SIGNAL);
    const changed = services.map((service) => ({ ...service, interfaces: [] }));
    await expect(target.apply({ services: changed }, SIGNAL)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('requires XDP: no receiving interfaces are named'),
    });
    expect(await target.verify()).toEqual([]);
    const asks = asksOf(services[0]!, 0).slice(0, 10);
    expect((await wires.ask(asks)).includes(null)).toBe(false);
    await target.flush();
  });
});

function targetIn(directory: string): MaglevTarget {
  const acceleration = new XdpAcceleration({ directory: `${directory}/lb` });
  return new MaglevTarget({ netlink: new Netlink(), bootMs: () => performance.now(), acceleration });
}

function servicesOf(
  wires: Wires,
  weights: readonly number[],
  options: Pick<DesiredService, 'dataPath' | 'acceleration'>,
): DesiredService[] {
  return ([4, 6] as const).flatMap((family) =>
    (['tcp', 'udp'] as const).map((protocol) => {
      const members = Object.fromEntries(
        Array.from({ length: BACKENDS }, (_, number) => [wires.backendAddress(family, number), weights[number]!]),
      );
      const place = { addresses: [VIPS[family]], interfaces: ['front'], port: VIP_PORT, protocol };
      return serviceOf({ id: `${protocol}${family}`, ...place, ...options, members });
    }),
  );
}

function asksOf({ family, protocol }: DesiredService, round: number): Ask[] {
  if (protocol === 'sctp') return [];
  return Array.from({ length: ASKS }, (_, index) => ({
    ...{ family, protocol, source: clientAddress(family, index % CLIENTS) },
    sourcePort: 20_000 + round * 1_000 + index * 7,
  }));
}

/** Name of the backend that has the address: its number stands before the last part. */
function backendAt(address: string | null): string {
  return `backend-${/^(?:10\.2\.|fd02:)(\d)/.exec(address ?? '')?.[1]}`;
}

function packetsOf(counters: Awaited<ReturnType<MaglevTarget['counters']>>): number {
  return counters.reduce((sum, { packets }) => sum + packets, 0);
}
