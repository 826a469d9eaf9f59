import { ADDRESSES_MAX, LISTENERS_MAX, LOAD_BALANCERS_MAX } from '../limits.js';
import { checkFamilies } from './check-families.js';
import { checkListener } from './check-listener.js';
import { checkOverlap } from './check-overlap.js';
import { checkPool } from './check-pool.js';
import {
  checkCount,
  checkRanges,
  checkSegment,
  checkUnique,
  checkWhole,
  checkWholeOrNull,
  under,
} from './check-values.js';
import type { BalancerConfiguration, LoadBalancer } from './model.js';
import { PROBLEMS_MAX, type Report, ResourceError, type ResourceProblem, refusal } from './problem.js';
import { checkQuotas, defaultQuotasOf, type QuotasOf } from './quotas.js';

/** What the rules depend on beside the configuration. */
export interface ValidationOptions {
  /** Default: `DEFAULT_QUOTAS` for every owner but `local`. */
  readonly quotasOf?: QuotasOf;
  /** Types of checks that the operator registered; default none. */
  readonly checkTypes?: readonly string[];
}

/** What is wrong with a configuration, and what is only worth knowing. Paths are those of the model; at most 1,000 each. */
export interface Validation {
  readonly problems: readonly ResourceProblem[];
  readonly notes: readonly ResourceProblem[];
}

/** A configuration that holds all rules, from whatever form it was written in. */
export interface Translation {
  readonly configuration: BalancerConfiguration;
  /** Worth knowing, for instance settings that change nothing. */
  readonly notes: readonly ResourceProblem[];
}

// `asn:value` of RFC 1997, or a large community of RFC 8092.
const COMMUNITY = /^\d{1,10}(?::\d{1,10}){1,2}$/;
/** Destination translation needs connection tracking, which stands at -200, before it. */
const CHAIN_PRIORITY_MIN = -199;
const CHAIN_PRIORITY_MAX = 1_000;

/** Checks every rule of the model that a schema can't express. */
export function validate(configuration: BalancerConfiguration, options: ValidationOptions = {}): Validation {
  const problems: ResourceProblem[] = [];
  const notes: ResourceProblem[] = [];
  const report = collect(problems);
  const { loadBalancers } = configuration;
  checkCount(report, ['loadBalancers'], loadBalancers.length, LOAD_BALANCERS_MAX, 'load balancers');
  const key = ({ owner, name }: LoadBalancer) => `${owner}/${name}`;
  checkUnique(under(report, 'loadBalancers'), loadBalancers, key, ['name'], 'an owner and name that no other has');
  for (const [index, loadBalancer] of loadBalancers.entries()) {
    const path = ['loadBalancers', index];
    checkLoadBalancer(under(report, ...path), under(collect(notes), ...path), loadBalancer, options.checkTypes ?? []);
  }
  checkOverlap(configuration, report);
  checkQuotas(configuration, options.quotasOf ?? defaultQuotasOf, report);
  return { problems, notes };
}

/**
 * The configuration with its notes. `relocate` turns places of the model into those of the source.
 *
 * @throws ResourceError if it breaks a rule.
 */
export function translated(
  configuration: BalancerConfiguration,
  options: ValidationOptions,
  relocate: (problem: ResourceProblem) => ResourceProblem = (problem) => problem,
): Translation {
  const { problems, notes } = validate(configuration, options);
  if (problems.length > 0) throw new ResourceError(problems.map(relocate));
  return { configuration, notes: notes.map(relocate) };
}

function collect(into: ResourceProblem[]): Report {
  return (path, message) => {
    if (into.length < PROBLEMS_MAX) into.push({ document: 0, path, message });
  };
}

function checkLoadBalancer(
  report: Report,
  note: Report,
  loadBalancer: LoadBalancer,
  checkTypes: readonly string[],
): void {
  const { listeners, pools, addresses } = loadBalancer;
  checkSegment(report, ['owner'], loadBalancer.owner);
  checkSegment(report, ['name'], loadBalancer.name);
  checkWholeOrNull(report, ['seed'], loadBalancer.seed, 0, 0xffff_ffff);
  checkWhole(report, ['chainPriority'], loadBalancer.chainPriority, CHAIN_PRIORITY_MIN, CHAIN_PRIORITY_MAX);
  checkCount(report, ['addresses'], addresses.length, ADDRESSES_MAX, 'addresses');
  const ranges = checkRanges(under(report, 'addresses'), addresses);
  checkAnnouncement(report, loadBalancer);
  checkCount(report, ['listeners'], listeners.length, LISTENERS_MAX, 'listeners');
  checkCount(report, ['pools'], pools.length, LISTENERS_MAX, 'pools');
  checkUnique(under(report, 'listeners'), listeners, ({ name }) => name, ['name'], 'a name that no other listener has');
  checkUnique(under(report, 'pools'), pools, ({ name }) => name, ['name'], 'a name that no other pool has');
  for (const [index, pool] of pools.entries()) {
    checkPool(under(report, 'pools', index), under(note, 'pools', index), pool, checkTypes);
  }
  const byName = new Map(pools.map((pool) => [pool.name, pool]));
  for (const [index, listener] of listeners.entries()) {
    const path = ['listeners', index];
    checkListener(under(report, ...path), under(note, ...path), listener, byName, ranges);
  }
  checkFamilies(report, note, loadBalancer);
  const used = new Set(listeners.flatMap(({ rules }) => rules.map(({ pool }) => pool)));
  for (const [index, { name }] of pools.entries()) {
    if (!used.has(name)) note(['pools', index], 'serves nothing: no listener leads to it');
  }
}

function checkAnnouncement(report: Report, { announcement, addresses }: LoadBalancer): void {
  if (announcement === null) return;
  if (addresses.length === 0)
    report(['announcement'], refusal(announcement, 'null: without addresses none can be announced'));
  for (const [index, address] of addresses.entries()) {
    if (address.includes('-'))
      report(['addresses', index], refusal(address, 'an address or a prefix: it is announced'));
  }
  for (const [index, community] of announcement.communities.entries()) {
    const parts = community.split(':').map(Number);
    const max = parts.length === 2 ? 0xffff : 0xffff_ffff;
    if (COMMUNITY.test(community) && parts.every((part) => part <= max)) continue;
    report(['announcement', 'communities', index], refusal(community, 'asn:value of 16 bits each, or asn:a:b of 32'));
  }
}
