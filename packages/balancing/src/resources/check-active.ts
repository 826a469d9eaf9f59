import { DATAGRAM_BYTES_MAX } from '../limits.js';
import { familyOf, isHostName } from './addresses.js';
import { checkPort, checkWhole, under } from './check-values.js';
import type { ActiveCheck, HttpCheck, TlsCheck } from './model.js';
import { type Report, refusal } from './problem.js';

/** Check types that every node knows. */
export const CHECK_TYPES = ['tcp', 'udp', 'http', 'https', 'tls'] as const;

const INTERVAL_MS_MIN = 100;
const INTERVAL_MS_MAX = 65_535_000;
const TIMEOUT_MS_MAX = 255_000;
const PATH_CHARACTERS_MAX = 2_048;
// RFC 9110, section 7.2: host and an optional port, nothing that could end the header.
const HOST_HEADER = /^[A-Za-z0-9._~:[\]-]{1,260}$/;
const PATH = /^\/[\x21-\x7e]*$/;

/** Reports what is wrong with a check; `registered` are types beyond the built-in ones. */
export function checkActiveCheck(report: Report, check: ActiveCheck, registered: readonly string[]): void {
  const known = [...CHECK_TYPES, ...registered];
  if (!known.includes(check.type)) {
    report(['type'], refusal(check.type, `${known.join(', ')}, or a type that the operator registered`));
  }
  if (check.port !== null) checkPort(report, ['port'], check.port);
  checkWhole(report, ['intervalMs'], check.intervalMs, INTERVAL_MS_MIN, INTERVAL_MS_MAX);
  checkTimeout(report, check);
  checkWhole(report, ['rise'], check.rise, 1, 255);
  checkWhole(report, ['fall'], check.fall, 1, 255);
  checkParts(report, check);
}

function checkTimeout(report: Report, { timeoutMs, intervalMs }: ActiveCheck): void {
  checkWhole(report, ['timeoutMs'], timeoutMs, 1, TIMEOUT_MS_MAX);
  if (timeoutMs <= TIMEOUT_MS_MAX && timeoutMs > intervalMs) {
    report(['timeoutMs'], refusal(timeoutMs, `at most the interval, ${intervalMs}: the next check starts then`));
  }
}

function checkParts(report: Report, check: ActiveCheck): void {
  const { type } = check;
  const builtIn = (CHECK_TYPES as readonly string[]).includes(type);
  checkPart(report, 'http', check.http, type === 'http' || type === 'https', builtIn, 'http and https');
  checkPart(report, 'tls', check.tls, type === 'https' || type === 'tls', builtIn, 'https and tls');
  if (check.udp !== null && builtIn && type !== 'udp') report(['udp'], refusal(check.udp, `null: ${type} is not udp`));
  if (check.http !== null) checkHttp(under(report, 'http'), check.http);
  if (check.tls !== null) checkTls(under(report, 'tls'), check.tls);
  for (const field of ['payload', 'expect'] as const) {
    const bytes = check.udp?.[field] ?? null;
    if (bytes !== null && bytes.length > DATAGRAM_BYTES_MAX) {
      report(['udp', field], refusal(`${bytes.length} bytes`, `at most ${DATAGRAM_BYTES_MAX} bytes`));
    }
  }
}

function checkPart(
  report: Report,
  field: string,
  value: unknown,
  needed: boolean,
  builtIn: boolean,
  types: string,
): void {
  if (needed && value === null) report([field], refusal(value, `settings, for a check of type ${types}`));
  if (!needed && value !== null && builtIn) report([field], refusal(value, `null: only ${types} have it`));
}

function checkHttp(report: Report, { path, host, statuses }: HttpCheck): void {
  if (!PATH.test(path) || path.length > PATH_CHARACTERS_MAX) {
    report(['path'], refusal(path, `a path that starts with /, at most ${PATH_CHARACTERS_MAX} visible characters`));
  }
  if (host !== null && !HOST_HEADER.test(host)) report(['host'], refusal(host, 'a host name or address, and a port'));
  if (statuses.length < 1 || statuses.length > 32) {
    report(['statuses'], refusal(`${statuses.length} ranges`, '1 to 32 ranges of status codes'));
  }
  for (const [index, [from, to]] of statuses.entries()) {
    const whole = Number.isInteger(from) && Number.isInteger(to);
    if (whole && from >= 100 && from <= to && to <= 599) continue;
    report(['statuses', index], refusal(`${from} to ${to}`, 'codes from 100 to 599, the lower one first'));
  }
}

function checkTls(report: Report, { serverName }: TlsCheck): void {
  if (serverName === null || (isHostName(serverName) && familyOf(serverName) === null)) return;
  report(['serverName'], refusal(serverName, 'a host name'));
}
