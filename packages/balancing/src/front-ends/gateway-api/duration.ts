import { textLike } from '../../resources/shape.js';

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

/** A duration of the Gateway API (GEP-2257): up to four numbers with units, as milliseconds. */
export const duration = textLike(/^(?:\d{1,5}(?:h|ms|m|s)){1,4}$/, 'a duration such as 10s, 1m30s or 500ms').transform(
  (text) =>
    [...text.matchAll(/(\d+)(h|ms|m|s)/g)].reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0),
);
