export { AddressError, type AddressErrorCode } from './errors.js';
export { Ipv4Matcher, Ipv6Matcher } from './matcher.js';
export {
  canonicalPrefixSet,
  emptyPrefixSet,
  firstDisorder,
  firstInvalid,
  formatPrefixAt,
  type IpSet,
  type ParseOptions,
  type PrefixSet,
  PrefixSetBuilder,
  parseIpSet,
  prefixAt,
  prefixTexts,
  samePrefixes,
} from './prefix-set.js';
export { prefixesOfRanges, type RangeSet, rangesOf } from './ranges.js';
export { aggregate, applyDiff, diff, type PrefixSetDiff, union } from './set-operations.js';
export { formatAddress, formatPrefix, type Prefix, parseAddress, parsePrefix } from './text.js';
export { bitsOf, compareAddresses, type Family, wordsOf } from './words.js';
