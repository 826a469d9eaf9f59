/** Wall clock in ms with a fraction, so that times of several processes of one machine compare. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
