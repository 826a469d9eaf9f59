import type { BalancerEvent, MemberName, PoolName } from '../core/events.js';

/** The name of a kind of events. */
export type EventKind = BalancerEvent['kind'];

type Describe<Kind extends EventKind> = (event: Extract<BalancerEvent, { readonly kind: Kind }>) => string;

/** One sentence for people about each kind of events. */
const SENTENCES: { readonly [Kind in EventKind]: Describe<Kind> } = {
  member: ({ from, to, reason, address, port, ...name }) =>
    `${memberText(name)} at ${endpoint(address, port)} turned from ${from} to ${to}${because(reason)}`,
  pool: ({ from, to, ...name }) => `${poolText(name)} turned from ${POOL_MODES[from]} to ${POOL_MODES[to]}`,
  'direct-return-failed': ({ listener, address, reason, ...name }) =>
    `${memberText(name)} at ${address} is not set up for listener ${listener}: ${reason}`,
  'direct-return-restored': ({ listener, address, ...name }) =>
    `${memberText(name)} at ${address} is set up for listener ${listener}`,
  'drain-progress': ({ connections, ...name }) => `${memberText(name)} drains, ${connections} connections are left`,
  'flows-cut': ({ flows, ...name }) => `${flows} flows to ${memberText(name)} were ended`,
  'configuration-applied': ({ source, revision }) => `revision ${revision} of ${source} is in force`,
  'configuration-refused': ({ source, reason }) => `${source} is refused, the one before stays in force: ${reason}`,
  'configuration-stale': ({ source, reason, ageMs }) =>
    `${source} is out of reach, what is in force is ${Math.round(ageMs / 1_000)} s old: ${reason}`,
  'configuration-fresh': ({ source }) => `${source} is in reach again`,
  'kernel-failed': ({ reason }) => `the kernel did not take the newest state, the one before stays: ${reason}`,
  'kernel-recovered': () => 'the kernel has the newest state again',
  'kernel-drift': ({ findings }) => `others changed what is ours, it is put right: ${findings.join('; ')}`,
  'conntrack-high': ({ entries, entriesMax }) =>
    `connection tracking is nearly full: ${entries} of ${entriesMax} entries`,
  'conntrack-normal': ({ entries, entriesMax }) =>
    `connection tracking has room again: ${entries} of ${entriesMax} entries`,
  'certificate-ending': ({ endsAtWallMs, ...name }) =>
    `the certificate of ${memberText(name)} ends on ${new Date(endsAtWallMs).toISOString()}`,
  'name-stale': ({ host, reason, kept }) =>
    `${host} can't be resolved, ${kept.length === 0 ? 'and never was' : `${kept.join(', ')} stays in use`}: ${reason}`,
  'name-resolved': ({ host, addresses }) => `${host} is ${addresses.join(', ')}`,
};

/** Every kind of events. */
export const EVENT_KINDS = Object.keys(SENTENCES) as [EventKind, ...EventKind[]];

/** What happened, in one sentence without a full stop, of at most 500 characters. */
export function describeEvent(event: BalancerEvent): string {
  const sentence = (SENTENCES[event.kind] as (event: BalancerEvent) => string)(event);
  return sentence.length <= SENTENCE_CHARACTERS_MAX ? sentence : `${sentence.slice(0, SENTENCE_CHARACTERS_MAX - 1)}…`;
}

const SENTENCE_CHARACTERS_MAX = 500;

const POOL_MODES: Readonly<Record<Extract<BalancerEvent, { kind: 'pool' }>['to'], string>> = {
  normal: 'normal service',
  backup: 'its backup members',
  panic: 'all members, since too few are well',
  'fail-open': 'all members, since none is well',
  reject: 'refusing traffic, since no member is left',
};

function poolText({ owner, loadBalancer, pool, family }: PoolName): string {
  return `pool ${owner}/${loadBalancer}/${pool} (IPv${family})`;
}

function memberText({ member, ...pool }: MemberName): string {
  return `member ${member} of ${poolText(pool)}`;
}

function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function because(reason: string | null): string {
  return reason === null ? '' : `: ${reason}`;
}
