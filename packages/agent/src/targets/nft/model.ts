import type { ExpiryMode } from '@higgins/signals';
import type { Intervals } from './intervals.js';

/** Where in the kernel's path packets are judged. */
export type Hook = 'prerouting' | 'input' | 'forward' | 'output';

/** What one list does to packets; fixed by configuration. */
export interface Enforcement {
  /** Names the list's sets and chains; unique in the table. */
  readonly id: string;
  readonly hook: Hook;
  /** Base chains of lower priority come first, as in nft. */
  readonly priority: number;
  /** Input interfaces (output interfaces for the hook `output`); empty means all. */
  readonly interfaces: readonly string[];
  /** Destination ports by protocol; empty means all packets. */
  readonly ports: { readonly tcp: readonly number[]; readonly udp: readonly number[] };
  /** Only packets to these are judged: addresses, CIDRs and `first-last`, or the machine's own. Default: all packets. */
  readonly destinations?: readonly string[] | 'local';
  /** Which address of a packet is looked up. */
  readonly match: 'source' | 'destination';
  /** `block`: what is listed is refused. `allow`: what is not listed is refused. */
  readonly action: 'block' | 'allow';
  readonly refusal: 'drop' | 'reject';
  /** What holds until the first value arrives. */
  readonly initialExpiry: ExpiryMode;
}

/** One of the two places that a list's entries can stand in; one is live, the other takes large changes. */
export type Slot = 0 | 1;

/** What is to be enforced of one list. */
export interface DesiredList {
  readonly ipv4: Intervals;
  readonly ipv6: Intervals;
  /** When the list's time is up; null if it never is. */
  readonly deadlineBootMs: number | null;
  readonly onExpiry: ExpiryMode;
}

/** The entries of one slot. */
export interface SlotContent {
  readonly ipv4: Intervals;
  readonly ipv6: Intervals;
}

/** One value per family: verdict maps that guard a list have an element for IPv4 and one for IPv6. */
export interface PerFamily<T> {
  readonly ipv4: T;
  readonly ipv6: T;
}

/** One family's sentinel as it stands in the kernel. */
export interface Sentinel {
  readonly verdict: string;
  /** When the kernel removes it; null if it stays. */
  readonly expiresBootMs: number | null;
  /** How far off that may be: 0 for what this process wrote itself, more for what it only read. */
  readonly uncertainMs: number;
}

/** What is in force of one list, read from the kernel. */
export interface ActualList {
  /** Generation of the ruleset that this was read from. */
  readonly generation: number;
  /** Null once it has expired. */
  readonly sentinels: PerFamily<Sentinel | null>;
  /** What the expired chain leads to, or null if it lets packets pass without a verdict. */
  readonly expiryVerdicts: PerFamily<string | null>;
  readonly slots: readonly [SlotContent, SlotContent];
}

/** One step inside a batch. */
export type Step =
  | { readonly kind: 'add' | 'delete'; readonly set: string; readonly intervals: Intervals }
  | { readonly kind: 'flush'; readonly set: string }
  | {
      readonly kind: 'verdicts';
      readonly map: string;
      readonly before: PerFamily<string | null>;
      /** Null removes the elements. */
      readonly after: string | null;
      /** When the kernel is to remove them; becomes a timeout at the moment the batch is sent. Null if never. */
      readonly deadlineBootMs: number | null;
    };

/** One transaction. `generation` null: the batch touches only a slot that no packet looks at. */
export interface NftOperation {
  readonly list: string;
  readonly generation: number | null;
  readonly steps: readonly Step[];
}
