import type { Transition } from '@higgins/balancing';
import type { BalancerAction } from './actions.js';
import type { BalancerState } from './balancer-state.js';
import { CertificateWatch } from './certificate-watch.js';
import type { CheckBook, CheckPlan } from './check-book.js';
import type { Configurations } from './configurations.js';
import { CutBook } from './cut-book.js';
import { EventQueue, occurrenceOf, shortened } from './event-queue.js';
import type { BalancerOccurrence } from './events.js';
import { leavers, leavesBehind } from './leavers.js';
import type { Instance } from './members.js';
import type { NameChange } from './name-book.js';
import type { Now } from './now.js';
import type { PoolRuntime } from './pool-runtime.js';
import { PublicationQueue } from './publication.js';
import { Saver } from './saver.js';

/** Where everything that happens goes: it is told, published and saved, and flows that must not go on are cut. */
export class Ledger {
  readonly cuts = new CutBook();
  readonly saver = new Saver();
  readonly #events = new EventQueue();
  readonly #publications = new PublicationQueue();
  readonly #certificates = new CertificateWatch();
  readonly #configurations: Configurations;
  readonly #checks: CheckBook;

  constructor(configurations: Configurations, checks: CheckBook) {
    this.#configurations = configurations;
    this.#checks = checks;
  }

  /** Tells of something. */
  note(occurrence: BalancerOccurrence, now: Now): void {
    this.#events.add(occurrence, now);
  }

  /** What became of members. The state that a reload is about to replace learns of everything, but is not spoken of. */
  took(state: BalancerState, pool: PoolRuntime, transitions: readonly Transition[], now: Now): void {
    if (transitions.length === 0 || state !== this.#configurations.current) return;
    for (const transition of transitions) {
      const instance = transition.kind === 'member' ? pool.instances.get(transition.member) : undefined;
      const failure = instance && this.#failureOf(state, pool, transition, instance);
      const occurrence = occurrenceOf(transition, pool.plan.name, instance, failure ?? null, now);
      if (occurrence !== null) this.note(occurrence, now);
      if (transition.kind === 'member') for (const cut of leavers(state, pool, transition)) this.cuts.add(cut);
    }
    this.#publications.changed(pool.plan.name);
    this.saver.changed();
  }

  /** A member turned out not to be set up for a listener with direct server return, or to be so again: null. */
  direct(
    state: BalancerState,
    pool: PoolRuntime,
    member: string,
    { listener, failure }: { readonly listener: string; readonly failure: string | null },
    now: Now,
  ): void {
    const instance = pool.instances.get(member);
    if (instance === undefined || state !== this.#configurations.current) return;
    const named = { ...pool.plan.name, member, listener, address: instance.address };
    if (failure === null) this.note({ kind: 'direct-return-restored', ...named }, now);
    else this.note({ kind: 'direct-return-failed', ...named, reason: shortened(failure) }, now);
  }

  /** A name was resolved, or was not. */
  named({ host, addresses, changed, turned, failure }: NameChange, now: Now): void {
    if (failure !== null && turned) this.note({ kind: 'name-stale', host, reason: failure, kept: addresses }, now);
    if (failure === null && (turned || changed)) this.note({ kind: 'name-resolved', host, addresses }, now);
    if (failure === null) this.saver.changed();
  }

  /** Members of a pool are at other addresses than `before`. */
  moved(state: BalancerState, pool: PoolRuntime, before: ReadonlyMap<string, Instance>): void {
    if (state !== this.#configurations.current) return;
    for (const cut of leavesBehind(state, state, pool.plan.key, before)) this.cuts.add(cut);
    this.#publications.changed(pool.plan.name);
  }

  /** A state takes the place of another. */
  replaced(before: BalancerState, after: BalancerState): void {
    for (const cut of leavesBehind(before, after)) this.cuts.add(cut);
  }

  /** A configuration is in force. */
  inForce(state: BalancerState, source: string, now: Now): void {
    this.#publications.follow(state);
    this.saver.changed();
    this.note({ kind: 'configuration-applied', source, revision: this.#configurations.revision }, now);
  }

  /** A check saw the member's certificate. */
  certificate({ key, pool, member }: CheckPlan, endsAtWallMs: number, now: Now): void {
    const name = this.#configurations.current?.pools.get(pool)?.plan.name;
    if (name === undefined || !this.#certificates.see(key, endsAtWallMs, now)) return;
    this.note({ kind: 'certificate-ending', ...name, member, endsAtWallMs }, now);
  }

  /** Forgets what was seen by checks that are over. */
  retainChecks(keys: ReadonlySet<string>): void {
    this.#certificates.retain(keys);
  }

  /** The next thing to tell. */
  nextEvent(): Extract<BalancerAction, { kind: 'event' }> | null {
    const event = this.#events.take();
    return event && { kind: 'event', event };
  }

  /** What the check said that a member's state comes from. */
  #failureOf(
    state: BalancerState,
    pool: PoolRuntime,
    transition: Transition,
    { name, check }: Instance,
  ): string | null {
    const isDirect = transition.kind === 'member' && transition.to.reason === 'direct-return-failure';
    if (!isDirect) return check && this.#checks.lastFailure(check.key);
    const failures = state.directChecks(pool, name).map(({ key }) => this.#checks.lastFailure(key));
    return failures.find((failure) => failure !== null) ?? null;
  }

  /** The next thing to publish. */
  nextPublication(now: Now): Extract<BalancerAction, { kind: 'publish' }> | null {
    const publication = this.#publications.take(this.#configurations.current, now);
    return publication && { kind: 'publish', ...publication };
  }
}
