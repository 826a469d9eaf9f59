import type { CoverageTable } from '../frame/coverage.js';

/** Sums up the tables of many seeds. */
export function mergeCoverage(tables: readonly CoverageTable[]): CoverageTable {
  const merged = new Map<string, Map<string, number>>();
  for (const table of tables) {
    for (const [transition, row] of Object.entries(table)) {
      const sums = merged.get(transition) ?? new Map<string, number>();
      merged.set(transition, sums);
      for (const [kind, count] of Object.entries(row)) sums.set(kind, (sums.get(kind) ?? 0) + count);
    }
  }
  const rows = [...merged].sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(rows.map(([name, row]) => [name, Object.fromEntries(row)]));
}

/** One line per transition with what it was never seen under, and one per kind of fault. */
export function coverageText(table: CoverageTable): string[] {
  const kinds = [...new Set(Object.values(table).flatMap((row) => Object.keys(row)))].sort();
  const transitions = Object.entries(table);
  const width = Math.max(0, ...transitions.map(([name]) => name.length));
  const lines = transitions.map(([name, row]) => {
    const missing = kinds.filter((kind) => row[kind] === undefined);
    const seen = `${kinds.length - missing.length}/${kinds.length}`;
    const never = missing.length === 0 ? '' : `  never under ${missing.join(', ')}`;
    return `${name.padEnd(width)}  ${seen.padStart(5)}${never}`;
  });
  for (const kind of kinds) {
    const seen = transitions.filter(([, row]) => row[kind] !== undefined).length;
    lines.push(`${kind}: ${seen} of ${transitions.length} transitions`);
  }
  const cells = transitions.length * kinds.length;
  const seen = transitions.reduce((sum, [, row]) => sum + Object.keys(row).length, 0);
  lines.push(`${seen} of ${cells} pairs of transition and fault were seen`);
  return lines;
}
