import { createHash } from 'node:crypto';

/** First number of the marks that belong to the balancer; below it stand 24 bits of the member's number. */
export const MARK_BASE = 0x4c000000;
/** The bits of a mark that tell that it is the balancer's. */
export const MARK_MASK = 0xff000000;
/** Members that the node can have at a time, and numbers that are given out before one is used again. */
export const MEMBER_NUMBERS_MAX = 0xffffff;

/** Names of what a service has in the kernel; ids carry no dots, so that no two services' names meet. */
export const namesOf = {
  service: (id: string) => `s.${id}`,
  /** The chain of a member is named after a digest: a member's name may hold anything. */
  member: (id: string, member: string) => `m.${id}.${digestOf(member, 10)}`,
  /** Of two generations, one is in use; the other takes changes that come with a change of structure. */
  slots: (id: string, size: number, generation: 0 | 1) => `s.${id}.slots.${size}.${generation}`,
  serving: (id: string, generation: 0 | 1) => `s.${id}.serving.${generation}`,
  /**
   * Mark to the member's chain. Each service has its own: the kernel looks through all chains that a rule leads to, for
   * every service, whenever the structure changes.
   */
  members: (id: string) => `s.${id}.members`,
  /** The same, of those that give a flow a place at a member on trial. */
  trials: (id: string) => `s.${id}.trials`,
  /** Marks of members on trial, and where a slot leads when they have no place. */
  trial: (id: string, generation: 0 | 1) => `s.${id}.trial.${generation}`,
  others: (id: string, size: number, generation: 0 | 1) => `s.${id}.others.${size}.${generation}`,
  /** Flows that a member on trial has. */
  places: (id: string, member: string, connectionsMax: number) =>
    `s.${id}.places.${digestOf(member, 10)}.${connectionsMax}`,
  affinity: (id: string, declaration: string) => `s.${id}.affinity.${digestOf(declaration, 8)}`,
  refused: (id: string, reason: RefusalReason) => `s.${id}.${reason}`,
  counted: (chain: string, what: MemberCount) => `${chain}.${what}`,
  list: (digest: string) => `list.${digest}`,
} as const;

/** Why a flow was not let in. */
export type RefusalReason = 'limit' | 'rate' | 'source' | 'none';

export const REFUSAL_REASONS: readonly RefusalReason[] = ['limit', 'rate', 'source', 'none'];

/** What is counted of a member. */
export type MemberCount = 'sent' | 'flows' | 'answered' | 'refused';

export const MEMBER_COUNTS: readonly MemberCount[] = ['sent', 'flows', 'answered', 'refused'];

/** Sets and maps that all services share. */
export const SHARED = {
  /** One element: the digest of the structure. Who replaces the structure deletes the element that it read. */
  structure: 'structure',
  /** One element: the digest of what was read back after the structure had been written. */
  readback: 'readback',
  sent: 'sent',
  answered: 'answered',
  refused: 'refused',
  /** Mark to the chain that changes the source address. */
  sources: 'sources',
  refuse: 'refuse',
  /** Mark to the chain that takes away the place that a flow has at a member on trial. */
  ends: 'ends',
} as const;

/** Leading hexadecimal digits of the text's SHA-256. */
export function digestOf(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}

/** A priority as part of a name: `m100` for -100. */
export function priorityName(priority: number): string {
  return priority < 0 ? `m${-priority}` : `${priority}`;
}

/** A mark as nft writes it. */
export function markText(mark: number): string {
  return `0x${mark.toString(16).padStart(8, '0')}`;
}

/** What stands in a set that netlink writes, by its name; null for others. */
export function contentKind(name: string): 'intervals' | 'slots' | 'marks' | null {
  if (name.startsWith('list.')) return 'intervals';
  if (/^s\.[^.]+\.(slots|others)\./.test(name)) return 'slots';
  return /^s\.[^.]+\.(serving|trial)\./.test(name) ? 'marks' : null;
}

/** How many slots a slot map has, by its name. */
export function slotsOfName(name: string): number {
  return Number(/\.(?:slots|others)\.(\d+)\./.exec(name)?.[1] ?? 0);
}
