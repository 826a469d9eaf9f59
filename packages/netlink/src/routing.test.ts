import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { describeInNamespace } from '../../../test/support/namespace.js';
import { addMarkedRoute, links, markedRoutes, neighbours, removeMarkedRoute, wayTo } from './routing.js';

await describeInNamespace('routing', import.meta.filename, ['network'], () => {
  it('knows devices, neighbours and the way to an address', () => {
    ip('link add name wire0 type veth peer name wire1');
    ip('link set wire0 address 02:00:00:00:00:0a');
    for (const device of ['lo', 'wire0', 'wire1']) ip(`link set ${device} up`);
    ip('address add 192.0.2.1/24 dev wire0');
    ip('address add 2001:db8::1/64 dev wire0 nodad');
    ip('route add 198.51.100.0/24 via 192.0.2.254');
    ip('neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev wire0');
    const a = links().find(({ name }) => name === 'wire0')!;
    expect(a).toMatchObject({ ethernet: true, up: true, mac: Uint8Array.of(2, 0, 0, 0, 0, 10) });
    expect(links().find(({ name }) => name === 'lo')).toMatchObject({ ethernet: false });
    expect(wayTo('198.51.100.9')).toEqual({
      device: a.index,
      gateway: '192.0.2.254',
      source: '192.0.2.1',
      local: false,
    });
    expect(wayTo('2001:db8::7')).toMatchObject({ device: a.index, gateway: null, local: false });
    expect(wayTo('192.0.2.1')).toMatchObject({ local: true });
    expect(wayTo('203.0.113.1')).toBeNull();
    expect(neighbours()).toContainEqual({
      device: a.index,
      address: '192.0.2.7',
      mac: Uint8Array.of(2, 0, 0, 0, 0, 7),
    });
    expect(() => wayTo('nowhere')).toThrow('expected IPv4 or IPv6');
  });

  it('leads packets with a mark their own way, and finds that again', () => {
    const { index: device } = links().find(({ name }) => name === 'wire0')!;
    const routes = [
      { family: 4, mark: 0x4c000001, device, gateway: '192.0.2.7' },
      { family: 6, mark: 0x4c000002, device, gateway: '2001:db8::7' },
    ] as const;
    for (const route of routes) addMarkedRoute(route);
    addMarkedRoute({ ...routes[0], gateway: '192.0.2.8' });
    expect(markedRoutes()).toEqual([{ ...routes[0], gateway: '192.0.2.8' }, routes[1]]);
    expect(ip('route get 203.0.113.1 mark 0x4c000001')).toContain('via 192.0.2.8 dev wire0');
    expect(ip('-6 route get 2001:db8:1::1 mark 0x4c000002')).toContain('via 2001:db8::7 dev wire0');
    for (const route of [...routes, routes[0]]) removeMarkedRoute(route);
    expect(markedRoutes()).toEqual([]);
    expect(ip('rule')).not.toContain('fwmark');
  });
});

function ip(command: string): string {
  return execFileSync('ip', command.split(' '), { encoding: 'utf8' });
}
