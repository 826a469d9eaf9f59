import { TableBuilder, type TableSpec } from './ruleset.js';
import type { PlacedService } from './selection.js';

/**
 * What one service brings to its table, as it was compiled before if nothing of it has changed: at a thousand services,
 * nearly all are the same from change to change.
 */
export function partOf(placed: PlacedService, compile: (part: TableBuilder) => void): TableSpec {
  const known = PARTS.get(placed);
  if (known) return known;
  const part = new TableBuilder();
  compile(part);
  PARTS.set(placed, part);
  return part;
}

const PARTS = new WeakMap<PlacedService, TableSpec>();
