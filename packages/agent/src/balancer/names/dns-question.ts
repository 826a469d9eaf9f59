import { Resolver as DnsClient } from 'node:dns/promises';
import type { Family } from '@higgins/balancing';
import type { Runtime } from '@higgins/runtime';
import { memberAddresses } from './addresses.js';
import { RETRANSMIT_MS } from './limits.js';

/** What one server said. */
export interface DnsAnswer {
  readonly addresses: readonly string[];
  /** The smallest of all records; null without any. */
  readonly ttlMs: number | null;
  /** Families of which it said nothing, not even that there is no address. */
  readonly unanswered: readonly Family[];
  /** What is wrong with the answer, for people; null if it has addresses and leaves no family out. */
  readonly reason: string | null;
}

interface FamilyAnswer {
  readonly family: Family;
  readonly records: readonly { readonly address: string; readonly ttl: number }[];
  /** Why there are no addresses; null if there are. */
  readonly reason: string | null;
  readonly answered: boolean;
}

const TRIES = 4;
/** Codes by which a server says that there is nothing. */
const NEGATIVE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'says that the name does not exist (NXDOMAIN)',
  ENODATA: 'has no address of it',
};
const UNUSABLE = 'has no address that a member can have';
const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses connections',
  ESERVFAIL: 'failed (SERVFAIL)',
  EREFUSED: 'refuses to answer (REFUSED)',
  EBADNAME: 'was not asked, for this is no domain name',
  ETIMEOUT: 'does not answer',
};

/**
 * Asks one server for A and AAAA records together; never rejects but with the signal's reason. The name is taken as it is,
 * search domains are not tried. Falls back to TCP where the answer is too large for a datagram.
 */
export async function askServer(
  server: string,
  host: string,
  families: readonly Family[],
  limits: { readonly clock: Pick<Runtime, 'bootMs' | 'at'>; readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<DnsAnswer> {
  const { clock, timeoutMs, signal } = limits;
  const client = new DnsClient({ timeout: RETRANSMIT_MS, tries: TRIES });
  client.setServers([server]);
  const cancel = () => client.cancel();
  const deadline = clock.at(clock.bootMs() + timeoutMs, cancel);
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const silence = `does not answer within ${timeoutMs} ms`;
    const answers = await Promise.all(families.map((family) => askFamily(client, host, family, silence)));
    signal.throwIfAborted();
    return combine(answers);
  } finally {
    deadline[Symbol.dispose]();
    signal.removeEventListener('abort', cancel);
  }
}

async function askFamily(client: DnsClient, host: string, family: Family, silence: string): Promise<FamilyAnswer> {
  try {
    const records = await (family === 4 ? client.resolve4(host, { ttl: true }) : client.resolve6(host, { ttl: true }));
    const isUsable = memberAddresses(records.map(({ address }) => address)).length > 0;
    return { family, records, reason: isUsable ? null : UNUSABLE, answered: true };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const negative = NEGATIVE[code];
    const reason = negative ?? (code === 'ECANCELLED' ? silence : (FAILURES[code] ?? `failed (${code})`));
    return { family, records: [], reason, answered: negative !== undefined };
  }
}

function combine(answers: readonly FamilyAnswer[]): DnsAnswer {
  const records = answers.flatMap((answer) => answer.records);
  const addresses = memberAddresses(records.map(({ address }) => address));
  const unanswered = answers.filter(({ answered }) => !answered).map(({ family }) => family);
  const ttlMs = records.length === 0 ? null : Math.min(...records.map(({ ttl }) => ttl)) * 1_000;
  return { addresses, ttlMs, unanswered, reason: reasonOf(answers, addresses.length > 0) };
}

/** A missing family is no fault as long as the other one has addresses and the server has said so. */
function reasonOf(answers: readonly FamilyAnswer[], hasAddresses: boolean): string | null {
  const wanting = answers.filter(({ answered, reason }) => reason !== null && !(answered && hasAddresses));
  if (wanting.length === 0) return null;
  const isSame = wanting.length === answers.length && new Set(wanting.map(({ reason }) => reason)).size === 1;
  if (isSame) return wanting[0]!.reason;
  return wanting.map(({ family, reason }) => `${reason} for IPv${family}`).join(' and ');
}
