import type { DesiredService } from '@higgins/agent';
import { type FlowKey, type SelectableMember, select, type TableSize } from '@higgins/balancing';

/** What a benchmark varies of a service. */
export interface ServiceShape {
  readonly id?: string;
  readonly address: string;
  readonly port: number;
  readonly protocol?: DesiredService['protocol'];
  readonly dataPath?: DesiredService['dataPath'];
  readonly acceleration?: DesiredService['acceleration'];
  readonly interfaces?: readonly string[];
  readonly tableSize: TableSize;
  /** Addresses; those at 0 percent are out. */
  readonly members: readonly { readonly address: string; readonly sharePercent?: number }[];
}

const SEED = 0x5eed0001;
const KEY: FlowKey = { fields: ['source-address', 'source-port'] };

/** A service by source address and port, with nothing that costs more than choosing a member. */
export function serviceOf(shape: ServiceShape): DesiredService {
  const {
    id = 'web',
    address,
    port,
    protocol = 'udp',
    dataPath = 'nat',
    acceleration = 'off',
    interfaces = [],
  } = shape;
  const members = shape.members.map(
    ({ address, sharePercent = 100 }): SelectableMember => ({ name: address, weight: 1, sharePercent }),
  );
  const options = { algorithm: 'maglev', seed: SEED, tableSize: shape.tableSize, key: KEY } as const;
  const { table, choice } = select(members, options);
  return {
    ...{ id, family: 4, protocol, port, addresses: [address], interfaces, priority: -100, dataPath, acceleration },
    ...{ choice, table, affinity: null, connectionsPerMember: null, connectionsPerSecond: null, burst: 0 },
    ...{
      connections: null,
      trial: null,
      connectMs: null,
      idleMs: null,
      onIdle: 'release',
      source: 'keep',
      allow: null,
      block: [],
    },
    ...{ mirror: null, localTraffic: false },
    members: new Map(shape.members.map(({ address }) => [address, { address, port }])),
  };
}
