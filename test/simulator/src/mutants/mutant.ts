/** One change of a built module. */
export interface Edit {
  /** Path below the repository. */
  readonly module: string;
  /** Stands in the module exactly once, white space apart. */
  readonly find: string;
  readonly replace: string;
}

/** A deliberate break of production code that an invariant must notice. */
export interface Mutant {
  /** Unique, kebab-case: what is broken. */
  readonly id: string;
  /** The invariant that it breaks. */
  readonly invariant: string;
  /** Several where one check stands behind another. */
  readonly edits: readonly Edit[];
  /** Default `two-tiers`. */
  readonly scenario?: string;
  /** Seeds that are known to notice it, before the first ones: for what takes a rare combination. */
  readonly seeds?: readonly number[];
}

/** The module's code with the mutant's breaks in it. @throws Error if a text does not stand there exactly once. */
export function mutate(code: string, module: string, { id, edits }: Mutant): string {
  let mutated = code;
  for (const { find, replace } of edits.filter((edit) => edit.module === module)) {
    const pattern = new RegExp(find.trim().split(/\s+/).map(escaped).join('\\s+'), 'g');
    const places = [...mutated.matchAll(pattern)].length;
    if (places !== 1) throw new Error(`mutant ${id}: "${find}" stands ${places} times in ${module}, expected once`);
    mutated = mutated.replace(pattern, () => replace);
  }
  return mutated;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
