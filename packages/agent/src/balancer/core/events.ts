import type { Family, MemberState, PoolMode } from '@higgins/balancing';

/** A pool, as messages name it. */
export interface PoolName {
  readonly owner: string;
  readonly loadBalancer: string;
  readonly pool: string;
  /** Members of one address family stand for each other, and for nobody else. */
  readonly family: Family;
}

/** A member of a pool, as messages name it. */
export interface MemberName extends PoolName {
  /** As configured; `name@address` where every address of a name is a member. */
  readonly member: string;
}

/** `critical`: traffic is refused or about to be; `warning`: somebody should look; `info`: all is well again, or as told. */
export type Severity = 'info' | 'warning' | 'critical';

/** What happened, as plain data: for logs, webhooks, the events stream and counters. */
export type BalancerEvent = { readonly atWallMs: number; readonly severity: Severity } & BalancerOccurrence;

/** The kinds of events with their particulars. */
export type BalancerOccurrence =
  | ({
      readonly kind: 'member';
      readonly address: string;
      readonly port: number;
      readonly from: MemberState;
      readonly to: MemberState;
      /** Why it is out, and what the last failed check said; null where there is no reason to give. */
      readonly reason: string | null;
      /** When an ejection ends by itself; null if it does not. */
      readonly restoreAtWallMs: number | null;
    } & MemberName)
  | ({ readonly kind: 'pool'; readonly from: PoolMode; readonly to: PoolMode } & PoolName)
  /**
   * A member is not set up for a listener with direct server return, and why: the reason begins with a word for it and a
   * colon. By the listener's `dsrCheck` it gets no packets, or is only told of.
   */
  | ({
      readonly kind: 'direct-return-failed';
      readonly listener: string;
      readonly address: string;
      readonly reason: string;
    } & MemberName)
  | ({ readonly kind: 'direct-return-restored'; readonly listener: string; readonly address: string } & MemberName)
  | ({
      readonly kind: 'drain-progress';
      readonly connections: number;
      readonly endsAtWallMs: number | null;
    } & MemberName)
  | ({ readonly kind: 'flows-cut'; readonly service: string; readonly flows: number } & MemberName)
  | { readonly kind: 'configuration-applied'; readonly source: string; readonly revision: number }
  /** The one before stays in force: the new one is not valid, or the kernel did not take it. */
  | { readonly kind: 'configuration-refused'; readonly source: string; readonly reason: string }
  /** The source is out of reach, or its value is past its time; what is in force stays. `ageMs`: of the configuration. */
  | { readonly kind: 'configuration-stale'; readonly source: string; readonly reason: string; readonly ageMs: number }
  | { readonly kind: 'configuration-fresh'; readonly source: string }
  | { readonly kind: 'kernel-failed'; readonly reason: string }
  | { readonly kind: 'kernel-recovered' }
  /** Somebody else changed what is ours; it is put right. */
  | { readonly kind: 'kernel-drift'; readonly findings: readonly string[] }
  | { readonly kind: 'conntrack-high'; readonly entries: number; readonly entriesMax: number }
  | { readonly kind: 'conntrack-normal'; readonly entries: number; readonly entriesMax: number }
  /** The certificate that a member showed in a check ends soon, or has ended. */
  | ({ readonly kind: 'certificate-ending'; readonly endsAtWallMs: number } & MemberName)
  /** `kept`: the addresses that go on being used; empty if there never were any. */
  | { readonly kind: 'name-stale'; readonly host: string; readonly reason: string; readonly kept: readonly string[] }
  | { readonly kind: 'name-resolved'; readonly host: string; readonly addresses: readonly string[] };
