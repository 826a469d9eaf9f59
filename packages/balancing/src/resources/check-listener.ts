import { AddressError, parsePrefix } from '@higgins/ipdata';
import { ADDRESSES_MAX, SOURCE_PREFIXES_MAX } from '../limits.js';
import { type AddressRange, contains, familyOf } from './addresses.js';
import { checkDirectReturn } from './check-direct-return.js';
import {
  checkCount,
  checkName,
  checkPort,
  checkRanges,
  checkUnicast,
  checkUnique,
  checkWhole,
  checkWholeOrNull,
  under,
} from './check-values.js';
import type { Listener, ListenerTimeouts, Pool, SourceList } from './model.js';
import { type Report, refusal } from './problem.js';

const INTERFACE = /^[^\s/"\\]{1,15}$/;
const LIST_TRACK = /^(?:org\/[^/.][^/]*|platform)\/lists\/[^/.][^/]*$/;
/** Counts in the kernel have 32 bits. */
const COUNT_MAX = 0xffff_ffff;
const RATE_MAX = 100_000_000;
/** Timeouts of tracked flows are whole seconds in the kernel; five days is its own longest. */
const CONNECT_MS_MAX = 3_600_000;
const IDLE_MS_MAX = 432_000_000;

/** Reports what is wrong with a listener, given the pools and the ranges of its load balancer. */
export function checkListener(
  report: Report,
  note: Report,
  listener: Listener,
  pools: ReadonlyMap<string, Pool>,
  outer: readonly AddressRange[],
): void {
  checkName(report, ['name'], listener.name);
  checkPort(report, ['port'], listener.port);
  checkAddresses(report, listener, outer);
  checkDataPath(report, note, listener);
  checkLimits(report, listener);
  checkTimeouts(under(report, 'timeouts'), listener.timeouts, listener);
  checkSource(report, listener);
  for (const field of ['allow', 'block'] as const) checkSourceList(under(report, field), listener[field]);
  if (listener.mirror !== null) checkAddress(report, ['mirror'], listener.mirror);
  const pool = checkRules(report, listener, pools);
  if (pool === null) return;
  if (listener.dataPath === 'dsr-l2' || listener.dataPath === 'dsr-l3') checkDirectReturn(report, listener, pool);
  if (pool.passiveCheck !== null && listener.protocol !== 'tcp') {
    note(['protocol'], `passive checks of ${pool.name} see connections of TCP only, not those of ${listener.protocol}`);
  }
}

function checkAddresses(report: Report, { addresses, interfaces }: Listener, outer: readonly AddressRange[]): void {
  checkCount(report, ['addresses'], addresses.length, ADDRESSES_MAX, 'addresses');
  const inside = checkRanges(under(report, 'addresses'), addresses);
  if (inside.length === addresses.length && outer.length > 0) {
    for (const [index, range] of inside.entries()) {
      if (outer.some((candidate) => contains(candidate, range))) continue;
      report(['addresses', index], refusal(addresses[index], "one of the load balancer's addresses"));
    }
  }
  checkCount(report, ['interfaces'], interfaces.length, ADDRESSES_MAX, 'interfaces');
  for (const [index, name] of interfaces.entries()) {
    if (!INTERFACE.test(name)) report(['interfaces', index], refusal(name, 'an interface name of up to 15 characters'));
  }
  checkUnique(under(report, 'interfaces'), interfaces, (name) => name, [], 'each interface once');
}

function checkDataPath(report: Report, note: Report, { dataPath, acceleration }: Listener): void {
  if (dataPath === 'proxy') {
    report(['dataPath'], refusal(dataPath, 'nat, dsr-l2 or dsr-l3: this version has no proxy data path'));
  }
  if (dataPath === 'nat' && acceleration === 'auto') {
    note(['acceleration'], 'changes nothing: only direct server return runs in XDP');
  }
  if (dataPath === 'nat' && acceleration === 'require') {
    report(['acceleration'], refusal(acceleration, 'off or auto: only direct server return runs in XDP'));
  }
}

function checkLimits(report: Report, { limits }: Listener): void {
  const at = under(report, 'limits');
  checkWholeOrNull(at, ['connectionsPerMember'], limits.connectionsPerMember, 1, COUNT_MAX);
  checkWholeOrNull(at, ['connectionsPerSecond'], limits.connectionsPerSecond, 1, RATE_MAX);
  checkWhole(at, ['burst'], limits.burst, 1, RATE_MAX);
  checkWholeOrNull(at, ['connections'], limits.connections, 1, COUNT_MAX);
}

function checkTimeouts(report: Report, timeouts: ListenerTimeouts, { dataPath, protocol }: Listener): void {
  checkWholeOrNull(report, ['connectMs'], timeouts.connectMs, 1_000, CONNECT_MS_MAX);
  checkWholeOrNull(report, ['idleMs'], timeouts.idleMs, 1_000, IDLE_MS_MAX);
  if (timeouts.memberConnectMs !== null && dataPath !== 'proxy') {
    const expected = 'null: only the proxy data path opens connections of its own, and this version does not have it';
    report(['memberConnectMs'], refusal(timeouts.memberConnectMs, expected));
  }
  if (timeouts.onIdle === 'reset' && protocol !== 'tcp') {
    report(['onIdle'], refusal(timeouts.onIdle, `release: ${protocol} knows no reset of a connection`));
  }
}

function checkSource(report: Report, { clientAddress, sourceAddresses }: Listener): void {
  if (clientAddress === 'keep' && sourceAddresses.length > 0) {
    report(
      ['sourceAddresses'],
      refusal(sourceAddresses[0], "none while clientAddress is keep: members see the client's"),
    );
  }
  for (const [index, address] of sourceAddresses.entries()) checkAddress(report, ['sourceAddresses', index], address);
  const familyText = (address: string) => (familyOf(address) === null ? null : `IPv${familyOf(address)}`);
  checkUnique(under(report, 'sourceAddresses'), sourceAddresses, familyText, [], 'one address per family');
}

function checkAddress(report: Report, path: (string | number)[], address: string): void {
  if (familyOf(address) === null) report(path, refusal(address, 'an IPv4 or IPv6 address'));
  else checkUnicast(report, path, address);
}

function checkSourceList(report: Report, list: SourceList | null): void {
  if (list?.kind === 'track' && !LIST_TRACK.test(list.track)) {
    report(['track'], refusal(list.track, 'org/ORGANISATION/lists/LIST or platform/lists/LIST'));
  }
  if (list?.kind !== 'inline') return;
  checkCount(
    report,
    ['prefixes'],
    list.prefixes.length,
    SOURCE_PREFIXES_MAX,
    'prefixes; a list of the bus may have more',
  );
  for (const [index, prefix] of list.prefixes.entries()) {
    try {
      parsePrefix(prefix);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      report(['prefixes', index], refusal(prefix, error.expected));
    }
  }
}

function checkRules(report: Report, { rules }: Listener, pools: ReadonlyMap<string, Pool>): Pool | null {
  if (rules.length !== 1) report(['rules'], refusal(`${rules.length} rules`, 'exactly one, which matches everything'));
  for (const [index, { pool }] of rules.entries()) {
    if (!pools.has(pool))
      report(['rules', index, 'pool'], refusal(pool, "the name of one of the load balancer's pools"));
  }
  return pools.get(rules[0]?.pool ?? '') ?? null;
}
