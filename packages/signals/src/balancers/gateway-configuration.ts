import type { Content } from '../content/content.js';
import { Fields } from '../content/fields.js';
import { defineState } from '../define.js';
import { GATEWAY_CONFIGURATION_BYTES_MAX, IDENTIFIER_CHARACTERS_MAX } from '../limits.js';
import type { StateSignal } from '../signal.js';
import { DAY_MS, HOUR_MS, SECOND_MS } from '../time.js';

/** What nodes are to balance for a gateway: the whole of it, each time. */
export interface GatewayConfiguration {
  /** The organisation that owns it; 1 to 256 characters. */
  readonly owner: string;
  /** Rises with every commit, from 1. A renewal has the version of the value that it renews. */
  readonly version: number;
  /** When this version was committed, on the writer's wall clock; for people, never for decisions. */
  readonly createdWallMs: number | null;
  /**
   * The load balancers as JSON, in the core's own form. Text, because its fields are judged by the nodes that carry it
   * out, each by what it is able to do, and not by the bus.
   */
  readonly configuration: string;
}

/** `org/{org}/l4lb/{gateway}/desired`: long-lived, and held when it expires: old traffic rules are better than none. */
export const gatewayConfiguration: StateSignal<
  { readonly org: string; readonly gateway: string },
  GatewayConfiguration
> = defineState(
  {
    id: 'gateway-configuration',
    pattern: 'org/{org}/l4lb/{gateway}/desired',
    shape: 'state',
    writer: 'control plane',
    consumers: ['agent: maglev', 'dashboard', 'history'],
    ttlMs: DAY_MS,
    ttlMsMin: SECOND_MS,
    ttlMsMax: 30 * DAY_MS,
    renewalMs: 8 * HOUR_MS,
    onExpiry: 'hold',
    retentionMs: 30 * DAY_MS,
    bytesMax: GATEWAY_CONFIGURATION_BYTES_MAX,
  },
  { version: 1000, write, read },
);

function write(value: GatewayConfiguration): Map<string, unknown> {
  const content = new Map<string, unknown>([
    ['owner', value.owner],
    ['version', value.version],
    ['configuration', value.configuration],
  ]);
  if (value.createdWallMs !== null) content.set('createdWallMs', value.createdWallMs);
  return content;
}

function read(content: Content): GatewayConfiguration {
  const fields = new Fields(content);
  return {
    owner: fields.text('owner', 1, IDENTIFIER_CHARACTERS_MAX),
    version: fields.integer('version', 1, Number.MAX_SAFE_INTEGER),
    createdWallMs: fields.optionalInteger('createdWallMs', 0, Number.MAX_SAFE_INTEGER),
    configuration: fields.text('configuration', 1, GATEWAY_CONFIGURATION_BYTES_MAX),
  };
}
