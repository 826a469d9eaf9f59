import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ActiveCheck } from '@higgins/balancing';
import { VirtualMachine, type VirtualRuntime, VirtualWorld } from '@higgins/runtime';
import type { CheckOrder } from '../core/contract.js';

const OWN_ADDRESSES = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));

/** Addresses of this machine's loopback; containers often lack the second. */
export const LOOPBACKS = ['127.0.0.1', '::1'].filter((address) => OWN_ADDRESSES.includes(address));

/** Far more than any check here needs, for tests whose clock stands still. */
const TIMEOUT_MS = 2_000;

/** An order for a check of `type`, against loopback unless told otherwise. */
export function order(
  type: string,
  port: number,
  changes: Partial<ActiveCheck> & { readonly address?: string; readonly host?: string } = {},
): CheckOrder {
  const { address = '127.0.0.1', host = address, ...check } = changes;
  return {
    address,
    port,
    host,
    check: {
      type,
      port: null,
      intervalMs: 10_000,
      timeoutMs: TIMEOUT_MS,
      rise: 2,
      fall: 3,
      startAvailable: true,
      http: null,
      tls: null,
      udp: null,
      ...check,
    },
  };
}

/** Listens on a free port of loopback, or of another address. */
export async function listen(server: Server, host = '127.0.0.1', port = 0): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A clock that stands still until the test moves it. */
export function virtualClock(): { readonly world: VirtualWorld; readonly runtime: VirtualRuntime } {
  const world = new VirtualWorld({ seed: 1 });
  return { world, runtime: new VirtualMachine(world, { name: 'node', uptimeMs: 0 }).start() };
}
