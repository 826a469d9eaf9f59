import type { FullTrackName } from '@higgins/protocol';
import { NameError } from './errors.js';
import { segmentsOf, stageOf, trackOfSegments } from './names.js';
import type { Stage } from './signal.js';

/** Parameters of a path pattern, by their names in braces. */
export type PathParameters = Readonly<Record<string, string>>;

/** Both directions between the parameters of a path pattern and the tracks that it describes. */
export interface PathPattern<P extends PathParameters> {
  name(params: P, stage?: Stage): FullTrackName;
  params(name: FullTrackName): P | null;
}

/** Compiles a pattern such as `org/{org}/lists/{list}`. */
export function pathPattern<P extends PathParameters>(pattern: string): PathPattern<P> {
  const parts = pattern.split('/').map((part) => /^\{(.+)\}$/.exec(part)?.[1] ?? { literal: part });
  return {
    name(params, stage) {
      const segments = parts.map((part, index) =>
        typeof part === 'string' ? given(params, part, index) : part.literal,
      );
      return trackOfSegments(segments, stage);
    },
    params(name) {
      const segments = readSegments(name);
      if (segments?.length !== parts.length) return null;
      const params: Record<string, string> = {};
      for (const [index, part] of parts.entries()) {
        if (typeof part === 'string') params[part] = segments[index]!;
        else if (part.literal !== segments[index]) return null;
      }
      return params as P;
    },
  };
}

function given(params: PathParameters, name: string, index: number): string {
  const value = params[name];
  if (value === undefined) throw new NameError('EMPTY', '', index, `a value for {${name}}`);
  return value;
}

// A name that breaks our rules belongs to no signal; foreign tracks may have such names.
function readSegments(name: FullTrackName): string[] | null {
  if (stageOf(name) === null) return null;
  try {
    return segmentsOf(name.namespace);
  } catch (error) {
    if (error instanceof NameError) return null;
    throw error;
  }
}
