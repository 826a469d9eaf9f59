/**
 * Divides `total` slots by weight, largest remainder first: every share is its exact quota rounded down or up, and equal
 * weights differ by at most 1 (the earlier gets more). A positive weight gets at least one slot, at the expense of the
 * largest shares; so `total` must not be below the number of weights.
 */
export function apportion(weights: readonly number[], total: number): Uint32Array<ArrayBuffer> {
  const sum = weights.reduce((left, right) => left + right, 0);
  const shares = new Uint32Array(weights.length);
  const remainders = new Float64Array(weights.length);
  let given = 0;
  for (const [index, weight] of weights.entries()) {
    // Exact in 53 bits: a weight stays below 2^23, a total below 2^18.
    const share = Math.floor((weight * total) / sum);
    remainders[index] = share === 0 ? -1 : (weight * total) % sum;
    shares[index] = Math.max(share, 1);
    given += shares[index]!;
  }
  const byRemainder = [...weights.keys()].sort((a, b) => remainders[b]! - remainders[a]! || a - b);
  for (let next = 0; given < total; next++, given++) shares[byRemainder[next % byRemainder.length]!]!++;
  for (; given > total; given--) shares[shares.indexOf(shares.reduce((a, b) => Math.max(a, b)))]!--;
  return shares;
}
