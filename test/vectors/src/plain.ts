/** A decoded value in the form that the manifest has: keys of names dropped, bytes as hex, large integers as text. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, item]) => key !== 'key' && item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
}
