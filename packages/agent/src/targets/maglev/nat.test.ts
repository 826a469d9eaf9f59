import { Netlink } from '@higgins/netlink';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { BalancerLab, MEMBER_PORT, MEMBERS } from '../../../../../test/support/balancer-lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { until } from '../../../../../test/support/until.js';
import { predictorOf, type ServiceOptions, serviceOf } from './maglev.fixture.js';
import { MaglevTarget } from './target.js';

const signal = new AbortController().signal;

await describeInNamespace('maglev target, nat', import.meta.filename, ['network'], () => {
  let lab: BalancerLab;
  let target: MaglevTarget;

  beforeAll(async () => {
    lab = await BalancerLab.create();
  });

  beforeEach(async () => {
    await lab.reset();
    const netlink = new Netlink();
    await netlink.deleteFlows({});
    target = new MaglevTarget({ netlink, bootMs: () => performance.now() });
  });

  afterAll(() => lab[Symbol.asyncDispose]());

  const even = (addresses: readonly string[]) => Object.fromEntries(addresses.map((address) => [address, 1]));
  const apply = async (...services: ServiceOptions[]) => {
    const desired = { services: services.map(serviceOf) };
    return { ...(await target.apply(desired, signal)), services: desired.services };
  };

  it('LOB-48, L4-01, L4-28: TCP and UDP over IPv4 and IPv6 reach a member, and no socket is on the virtual address', async () => {
    await apply(
      ...(['tcp', 'udp'] as const).flatMap((protocol): ServiceOptions[] => [
        { id: `${protocol}4`, protocol, addresses: ['10.9.0.9'], members: even(MEMBERS[4]), memberPort: MEMBER_PORT },
        { id: `${protocol}6`, protocol, addresses: ['fd09::9'], members: even(MEMBERS[6]), memberPort: MEMBER_PORT },
      ]),
    );
    const [tcp4] = await lab.clients.call<string[]>('connect', { count: 1, address: '10.9.0.9', port: 80 });
    const [tcp6] = await lab.clients.call<string[]>('connect', { count: 1, address: 'fd09::9', port: 80 });
    const udp4 = await lab.clients.call<{ name: string }>('exchange', { address: '10.9.0.9', port: 80 });
    const udp6 = await lab.clients.call<{ name: string }>('exchange', { address: 'fd09::9', port: 80 });
    expect(MEMBERS[4]).toEqual(expect.arrayContaining([tcp4, udp4.name]));
    expect(MEMBERS[6]).toEqual(expect.arrayContaining([tcp6, udp6.name]));
    expect(await target.verify()).toEqual([]);
  });

  it.each([
    [4, '10.9', 32],
    [6, 'fd09', 24],
  ] as const)(
    'L4-24: over IPv%i every flow goes to the predicted member, through additions, removals and changes of weight',
    async (family, network, destinationsPerPhase) => {
      const sources = Array.from({ length: 250 }, (_, index) => ({
        address:
          family === 4
            ? `10.100.${index >> 5}.${1 + (index & 31)}`
            : `fd64::${(index >> 5).toString(16)}:${1 + (index & 31)}`,
        port: 20_000 + index * 97,
      }));
      const all = even(MEMBERS[family]);
      const [, second, third] = MEMBERS[family];
      const pools = [even(MEMBERS[family].slice(0, 4)), all, { ...all, [second]: 0 }, { ...all, [third]: 7 }];
      for (const [phase, members] of pools.entries()) {
        const addresses = [family === 4 ? '10.9.0.0/16' : 'fd09::/64'];
        const { services } = await apply({
          id: 'dns',
          protocol: 'udp',
          port: 53,
          addresses,
          members,
          memberPort: MEMBER_PORT,
        });
        const destinations = Array.from({ length: destinationsPerPhase }, (_, index) => ({
          address:
            family === 4
              ? `${network}.${phase}.${1 + index}`
              : `${network}::${(phase + 1).toString(16)}:${(1 + index).toString(16)}`,
          port: 53,
        }));
        const count = await lab.clients.call<number>('send', { sources, destinations, tag: phase });
        await until(async () => (await lab.servers.call<number>('received')) >= count);
        const predict = predictorOf(services[0]!);
        const taken = await lab.servers.call<[string, string][]>('take');
        const wrong = taken.filter(([payload, receiver]) => {
          const [, index, destination] = payload.split(' ') as [string, string, string];
          const { address, port } = sources[Number(index)]!;
          return predict(address, port, destination) !== receiver;
        });
        expect([taken.length, wrong]).toEqual([count, []]);
      }
    },
  );
});
