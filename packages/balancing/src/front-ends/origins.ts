import type { BalancerConfiguration } from '../resources/model.js';
import type { ProblemPath, ResourceProblem } from '../resources/problem.js';
import { pathText, ResourceError } from '../resources/problem.js';
import { type Translation, type ValidationOptions, validate } from '../resources/validate.js';

/** A place in the source. */
export interface Location {
  readonly document: number;
  readonly path: ProblemPath;
}

/** Where fields of the model stand in the source: below the resource's place, or at another place altogether. */
export type FieldNames = Readonly<Record<string, ProblemPath | Location>>;

interface Place extends Location {
  readonly fields: FieldNames;
}

/** A place below another. */
export function at({ document, path }: Location, ...keys: ProblemPath): Location {
  return { document, path: [...path, ...keys] };
}

/**
 * Remembers where in the source each resource of the model was written, so that what is wrong with the model is told in
 * the words of the source. The translators add what only their form can break.
 */
export class Origins {
  readonly #problems: ResourceProblem[] = [];
  readonly #notes: ResourceProblem[] = [];
  readonly #places = new Map<object, Place>();

  /**
   * Notes a resource's place; `fields` names its fields, nested ones with dots (`limits.burst`). Returns the resource.
   */
  place<T extends object>(resource: T, { document, path }: Location, fields: FieldNames = {}): T {
    this.#places.set(resource, { document, path, fields });
    return resource;
  }

  /** Something that the source's form forbids. */
  refuse({ document, path }: Location, message: string): void {
    this.#problems.push({ document, path, message });
  }

  /** Something worth knowing. */
  note({ document, path }: Location, message: string): void {
    this.#notes.push({ document, path, message });
  }

  /**
   * Ends a translation.
   *
   * @throws ResourceError with what was refused and with every rule of the model that is broken.
   */
  finish(configuration: BalancerConfiguration, options: ValidationOptions): Translation {
    const { problems, notes } = validate(configuration, options);
    const relocate = (problem: ResourceProblem) => this.#relocate(configuration, problem);
    const all = firstPerPath([...this.#problems, ...problems.map(relocate)]);
    if (all.length > 0) throw new ResourceError(all);
    return { configuration, notes: [...this.#notes, ...notes.map(relocate)] };
  }

  #relocate(configuration: BalancerConfiguration, { path, message }: ResourceProblem): ResourceProblem {
    let place: Place = { document: 0, path: [], fields: {} };
    let rest = path;
    let value: unknown = configuration;
    for (const [index, key] of path.entries()) {
      value =
        typeof value === 'object' && value !== null ? (value as Record<string | number, unknown>)[key] : undefined;
      const found = typeof value === 'object' && value !== null ? this.#places.get(value) : undefined;
      if (found === undefined) continue;
      place = found;
      rest = path.slice(index + 1);
    }
    return inWordsOf(place, rest, message);
  }
}

/** The longest prefix of the field that has a name gives the place; a field without one stands in the message. */
function inWordsOf(place: Place, rest: ProblemPath, message: string): ResourceProblem {
  const inMilliseconds = typeof rest.at(-1) === 'string' && String(rest.at(-1)).endsWith('Ms');
  const text = inMilliseconds ? `${message}, in milliseconds` : message;
  for (let length = rest.length; length > 0; length--) {
    const named = place.fields[pathText(rest.slice(0, length))];
    if (named === undefined) continue;
    const { document, path } = 'document' in named ? named : at(place, ...named);
    return { document, path: [...path, ...rest.slice(length)], message: text };
  }
  const { document, path } = place;
  return { document, path, message: rest.length === 0 ? message : `${pathText(rest)}: ${text}` };
}

/** A rule of the model may repeat what the translator said about the same field. */
function firstPerPath(problems: readonly ResourceProblem[]): ResourceProblem[] {
  const seen = new Set<string>();
  return problems.filter(({ document, path }) => {
    const key = `${document} ${pathText(path)}`;
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
}
