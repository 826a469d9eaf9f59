import type { Vi64 } from '../model/vi64.js';

/** Types that a unidirectional stream starts with (draft-18 §3.4); subgroup streams have a range of their own. */
export const StreamType = {
  FETCH_HEADER: 0x05,
  SETUP: 0x2f00,
  PADDING: 0x132b3e28,
} as const;

/** The type of datagrams without content (draft-18 §11.5.2). */
export const PADDING_DATAGRAM = 0x132b3e29;

/** What a unidirectional stream carries. */
export type StreamRole = 'control' | 'subgroup' | 'fetch' | 'padding';

/**
 * What a unidirectional stream is for by its first integer; null for types that close the session (draft-18 §3.4).
 * Every parser reads its stream from that integer on: the control stream's is the type of SETUP itself.
 */
export function streamRole(type: Vi64): StreamRole | null {
  if (isSubgroupType(type)) return 'subgroup';
  switch (type) {
    case StreamType.FETCH_HEADER:
      return 'fetch';
    case StreamType.SETUP:
      return 'control';
    case StreamType.PADDING:
      return 'padding';
    default:
      return null;
  }
}

/** Whether `type` has the form 0b0XX1XXXX; reserved modes included, which the parser refuses by name. */
export function isSubgroupType(type: Vi64): boolean {
  return typeof type === 'number' && type <= 0x7f && (type & 0x10) !== 0;
}
