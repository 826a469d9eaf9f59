import {
  FlowPredictor,
  type HashChoice,
  type SelectableMember,
  type SelectionOptions,
  select,
} from '@higgins/balancing';
import { parseAddress } from '@higgins/ipdata';
import type { DesiredService, ServiceMember } from './model.js';

/** A service as the tests describe it. */
export interface ServiceOptions extends Partial<Omit<DesiredService, 'members' | 'table' | 'choice'>> {
  readonly id: string;
  /** Address to weight; 0 for a member that takes no new flows. */
  readonly members: Readonly<Record<string, number>>;
  readonly memberPort?: number;
  readonly selection?: Partial<SelectionOptions>;
}

/** A service with defaults for what a test does not look at. Members are named after their addresses. */
export function serviceOf({ members, memberPort, selection, ...given }: ServiceOptions): DesiredService {
  const names = Object.keys(members);
  const family = names[0]?.includes(':') ? 6 : 4;
  const port = given.port ?? 80;
  const weighed = names.map(
    (name): SelectableMember => ({
      name,
      weight: Math.max(1, members[name]!),
      sharePercent: members[name] === 0 ? 0 : 100,
    }),
  );
  const { table, choice } = select(weighed, { algorithm: 'maglev', seed: 0x5eed0001, tableSize: 4093, ...selection });
  return {
    ...{
      family,
      protocol: 'tcp',
      port,
      addresses: [],
      interfaces: [],
      priority: -100,
      dataPath: 'nat',
      acceleration: 'off',
    },
    ...{
      affinity: null,
      connectionsPerMember: null,
      connectionsPerSecond: null,
      burst: 0,
      connections: null,
      trial: null,
    },
    ...{ connectMs: null, idleMs: null, onIdle: 'release', source: 'keep', allow: null, block: [] },
    ...{ mirror: null, localTraffic: false, table, choice },
    members: new Map(names.map((name): [string, ServiceMember] => [name, { address: name, port: memberPort ?? port }])),
    ...given,
  };
}

/** Who serves the flow of a service that is chosen by hash. */
export function predictorOf(service: DesiredService) {
  const predictor = new FlowPredictor(service.choice as HashChoice);
  return (source: string, sourcePort: number, destination: string): string | null =>
    predictor.memberOf(
      {
        protocol: service.protocol,
        ...{ sourceAddress: bytesOf(source), destinationAddress: bytesOf(destination) },
        ...{ sourcePort, destinationPort: service.port },
      },
      service.table,
    );
}

function bytesOf(address: string): Uint8Array {
  const { words } = parseAddress(address);
  const bytes = new Uint8Array(words.length * 4);
  words.forEach((word, index) => void new DataView(bytes.buffer).setUint32(index * 4, word));
  return bytes;
}
