/** The wall clock in ms since 1970 with a fraction, so that moments that several processes of one machine state compare. */
export function preciseWallMs(): number {
  return performance.timeOrigin + performance.now();
}
