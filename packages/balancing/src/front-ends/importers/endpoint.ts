import { familyOf, isHostName } from '../../resources/addresses.js';

/** An address or name, and a port if one is given. */
export interface EndpointText {
  /** Empty: every address. */
  readonly host: string;
  readonly port: number | null;
}

/**
 * Reads `host`, `host:port`, `[address]:port`, `:port` and `*:port`, and IPv6 with a port behind the last colon as HAProxy
 * has it; the wildcard addresses are none. Null for anything else.
 */
export function readEndpoint(text: string): EndpointText | null {
  const match = /^(?:\[([^\]]*)\]|(.*?))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = match?.[3] === undefined ? null : Number(match[3]);
  if (port !== null && (port < 1 || port > 65_535)) return null;
  if (host === '' || host === '*' || host === '0.0.0.0' || host === '::') return { host: '', port };
  return familyOf(host) !== null || isHostName(host) ? { host, port } : null;
}

/** Milliseconds of a time as HAProxy and nginx write it: `10s`, `1h30m`; without a unit in `bare`. Null if it is none. */
export function readTimeMs(text: string, bare: 'ms' | 's'): number | null {
  if (!/^(?:\d{1,9}(?:us|ms|[smhdw])?)+$/.test(text)) return null;
  const parts = [...text.matchAll(/(\d+)(us|ms|[smhdw])?/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit ?? bare]!, 0);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ...{ us: 0.001, ms: 1, s: 1_000, m: 60_000 },
  ...{ h: 3_600_000, d: 86_400_000, w: 604_800_000 },
};
