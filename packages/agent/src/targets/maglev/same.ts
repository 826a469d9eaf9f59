import type { DesiredService } from './model.js';

/**
 * Whether two states of a service need the same structure, so that at most slots differ. A table that is read in turn may
 * be empty in one of them.
 */
export function sameStructure(a: DesiredService, b: DesiredService): boolean {
  if (a === b) return true;
  return (
    fixedText(a) === fixedText(b) &&
    sameSize(a, b) &&
    sameMembers(a, b) &&
    sameTexts(a.allow, b.allow) &&
    sameTexts(a.block, b.block)
  );
}

/** Everything but table, members and lists, which may be long. */
function fixedText(service: DesiredService): string {
  const { table: _table, members: _members, allow: _allow, block: _block, choice, trial, ...fixed } = service;
  return JSON.stringify([fixed, trial?.connectionsMax, choice.kind === 'hash' ? choice : choice.kind]);
}

function sameSize(a: DesiredService, b: DesiredService): boolean {
  return a.choice.size === b.choice.size || (a.choice.kind === 'turn' && b.choice.size === 0);
}

function sameMembers({ members: a }: DesiredService, { members: b }: DesiredService): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [name, { address, port }] of a) {
    const other = b.get(name);
    if (other?.address !== address || other.port !== port) return false;
  }
  return true;
}

function sameTexts(a: readonly string[] | null, b: readonly string[] | null): boolean {
  if (a === b) return true;
  if (a === null || b === null || a.length !== b.length) return false;
  return a.every((text, index) => text === b[index]);
}
