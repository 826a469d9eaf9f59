import type { Subscription } from '@higgins/client';
import {
  applied,
  type ExpiryMode,
  gatewayConfiguration,
  type MapSignal,
  nodePools,
  organisationList,
  platformList,
  publisherHeartbeat,
  type Signal,
  type SignalRow,
} from '@higgins/signals';
import { BLOCKED, listOf, type Participant } from './stage.fixture.js';

/** A value of one row of the registry, and how it is published and followed. */
export interface Sample {
  /** What a consumer falls back to: what the value says, else what the row does. */
  readonly onExpiry: ExpiryMode;
  publish(publisher: Participant, ttlMs: number): Promise<unknown>;
  subscribe(consumer: Participant): Subscription<unknown>;
}

/** Throws for a row of which this file knows no value: a new signal needs one here. */
export function sampleOf(row: SignalRow): Sample {
  const sample = SAMPLES.get(row);
  if (sample === undefined) throw new Error(`no sample of ${row.id}`);
  return sample;
}

const SAMPLES: ReadonlyMap<SignalRow, Sample> = new Map<SignalRow, Sample>([
  [organisationList, valueSample(organisationList, BLOCKED, listOf(1), listOf(1).expiry)],
  [platformList, valueSample(platformList, { list: 'bogons' }, listOf(1), listOf(1).expiry)],
  [
    applied,
    mapSample(applied, { pop: 'fra1' }, 'org/acme/lists/blocked', {
      ...{ result: 'applied', group: 1, version: 1, appliedWallMs: 1, entries: 1, reason: null },
    }),
  ],
  [publisherHeartbeat, valueSample(publisherHeartbeat, { id: 'p' }, { instance: 'a', startedWallMs: 1, tracks: 1 })],
  [nodePools, valueSample(nodePools, { org: 'acme', gateway: 'web', node: 'n1' }, { pools: [] })],
  [
    gatewayConfiguration,
    valueSample(
      gatewayConfiguration,
      { org: 'acme', gateway: 'web' },
      {
        ...{ owner: 'acme', version: 1, createdWallMs: null, configuration: '{}' },
      },
    ),
  ],
]);

function valueSample<P, V>(signal: Signal<P, V>, params: P, value: V, onExpiry = signal.onExpiry): Sample {
  return {
    onExpiry,
    publish: ({ client }, ttlMs) => client.publish(signal, params, value, { ttlMs }),
    subscribe: ({ client }) => client.subscribe(signal, params),
  };
}

function mapSample<P, V>(signal: MapSignal<P, V>, params: P, key: string, value: V): Sample {
  return {
    onExpiry: signal.onExpiry,
    publish: ({ client }, ttlMs) => client.update(signal, params, { set: new Map([[key, value]]) }, { ttlMs }),
    subscribe: ({ client }) => client.subscribeMap(signal, params),
  };
}
