import { formatDuration } from '../../duration.js';

/** How long ago a wall time was, for people: `3 s ago`; `never` for null. */
export function ago(wallMs: number | null, nowWallMs: number): string {
  return wallMs === null ? 'never' : `${formatDuration(Math.max(0, nowWallMs - wallMs))} ago`;
}

/** How long until a wall time, for people: `in 3 s`; empty for null. */
export function until(wallMs: number | null, nowWallMs: number): string {
  return wallMs === null ? '' : `in ${formatDuration(Math.max(0, wallMs - nowWallMs))}`;
}

/** A share as percent with one decimal: `33.3 %`; `-` where there is no whole. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

const SCALES = [
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
] as const;

/** A count in at most five characters: `950`, `1.2k`, `35M`. */
export function short(value: number): string {
  const [unit, size] = SCALES.find(([, least]) => value >= least * 0.9995) ?? ['', 1];
  const scaled = value / size;
  return `${scaled >= 99.95 || size === 1 ? Math.round(scaled) : Number(scaled.toFixed(1))}${unit}`;
}

/** `address:port`, IPv6 in brackets. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
