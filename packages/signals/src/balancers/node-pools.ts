import type { Content } from '../content/content.js';
import { Fields } from '../content/fields.js';
import { defineState } from '../define.js';
import { SchemaError } from '../errors.js';
import {
  ADDRESS_CHARACTERS_MAX,
  IDENTIFIER_CHARACTERS_MAX,
  NODE_MEMBERS_MAX,
  NODE_POOLS_BYTES_MAX,
  NODE_POOLS_MAX,
} from '../limits.js';
import type { StateSignal } from '../signal.js';
import { DAY_MS, SECOND_MS } from '../time.js';

/** `active` and `on-trial` take new flows, the others do not. */
export type PoolMemberStatus = 'active' | 'on-trial' | 'ejected' | 'draining' | 'drained' | 'disabled';

/** Why a member is ejected. */
export type PoolMemberReason =
  | 'active-check-failure'
  | 'outlier-detection'
  | 'direct-return-failure'
  | 'not-checked-yet';

/** Who serves: `normal`, the backups, all because too few or none are well, or nobody. */
export type PoolServing = 'normal' | 'backup' | 'panic' | 'fail-open' | 'reject';

/** A member as one node sees it. */
export interface PoolMemberReport {
  /** 1 to 256 characters. */
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly status: PoolMemberStatus;
  /** Null unless ejected. */
  readonly reason: PoolMemberReason | null;
  /** When the status began, on the node's wall clock: of an ejected member, when it was ejected. */
  readonly sinceWallMs: number;
  /** When an ejection is expected to end; null if that depends on checks, or on people. */
  readonly restoreWallMs: number | null;
}

/** A pool of one address family as one node sees it. */
export interface PoolReport {
  /** 1 to 256 characters. */
  readonly name: string;
  readonly family: 4 | 6;
  readonly serving: PoolServing;
  readonly members: readonly PoolMemberReport[];
}

/** All pools of a gateway as one node sees them; for observation only: nothing on the bus ever drives a pool. */
export interface NodePools {
  readonly pools: readonly PoolReport[];
}

const STATUSES: readonly PoolMemberStatus[] = ['active', 'on-trial', 'ejected', 'draining', 'drained', 'disabled'];
const REASONS: readonly PoolMemberReason[] = [
  'active-check-failure',
  'outlier-detection',
  'direct-return-failure',
  'not-checked-yet',
];
const SERVING: readonly PoolServing[] = ['normal', 'backup', 'panic', 'fail-open', 'reject'];

/** `org/{org}/l4lb/{gateway}/nodes/{node}/pool`: the state of a gateway's pools on one node, which alone writes it. */
export const nodePools: StateSignal<
  { readonly org: string; readonly gateway: string; readonly node: string },
  NodePools
> = defineState(
  {
    id: 'node-pools',
    pattern: 'org/{org}/l4lb/{gateway}/nodes/{node}/pool',
    shape: 'state',
    writer: 'agent',
    consumers: ['control plane', 'dashboard', 'history'],
    ttlMs: 120 * SECOND_MS,
    ttlMsMin: SECOND_MS,
    ttlMsMax: DAY_MS,
    renewalMs: 30 * SECOND_MS,
    onExpiry: 'hold',
    retentionMs: 30 * DAY_MS,
    bytesMax: NODE_POOLS_BYTES_MAX,
  },
  { version: 1000, write, read },
);

function write({ pools }: NodePools): Map<string, unknown> {
  return new Map([['pools', pools.map(writePool)]]);
}

function writePool({ name, family, serving, members }: PoolReport): Map<string, unknown> {
  return new Map<string, unknown>([
    ['name', name],
    ['family', family],
    ['serving', serving],
    ['members', members.map(writeMember)],
  ]);
}

function writeMember(member: PoolMemberReport): Map<string, unknown> {
  const content = new Map<string, unknown>([
    ['name', member.name],
    ['address', member.address],
    ['port', member.port],
    ['status', member.status],
    ['sinceWallMs', member.sinceWallMs],
  ]);
  if (member.reason !== null) content.set('reason', member.reason);
  if (member.restoreWallMs !== null) content.set('restoreWallMs', member.restoreWallMs);
  return content;
}

function read(content: Content): NodePools {
  const fields = new Fields(content);
  const pools = fields.array('pools', NODE_POOLS_MAX).map((item, index) => readPool(item, `pools[${index}]`));
  return { pools };
}

function readPool(item: unknown, path: string): PoolReport {
  const fields = fieldsOf(item, path);
  const members = fields.array('members', NODE_MEMBERS_MAX);
  return {
    name: fields.text('name', 1, IDENTIFIER_CHARACTERS_MAX),
    family: fields.integer('family', 4, 6) === 4 ? 4 : 6,
    serving: fields.oneOf('serving', SERVING),
    members: members.map((member, index) => readMember(member, `${path}.members[${index}]`)),
  };
}

function readMember(item: unknown, path: string): PoolMemberReport {
  const fields = fieldsOf(item, path);
  return {
    name: fields.text('name', 1, IDENTIFIER_CHARACTERS_MAX),
    address: fields.text('address', 1, ADDRESS_CHARACTERS_MAX),
    port: fields.integer('port', 1, 65_535),
    status: fields.oneOf('status', STATUSES),
    reason: fields.has('reason') ? fields.oneOf('reason', REASONS) : null,
    sinceWallMs: fields.integer('sinceWallMs', 0, Number.MAX_SAFE_INTEGER),
    restoreWallMs: fields.optionalInteger('restoreWallMs', 0, Number.MAX_SAFE_INTEGER),
  };
}

function fieldsOf(item: unknown, path: string): Fields {
  if (!(item instanceof Map)) throw new SchemaError('TYPE', path, item, 'a map');
  return new Fields(item, `${path}.`);
}
