import type { Target } from '../frame/finding.js';
import { datagrams, fetches, properties, subgroups } from './data.js';
import { messages } from './messages.js';
import { pair } from './pair.js';
import { session } from './session.js';
import { tokens } from './tokens.js';

/** What takes turns in a run; `work` counts blocks of code and runs beside them, in an isolate of its own. */
export const TARGETS: readonly Target[] = [messages, subgroups, fetches, datagrams, properties, tokens, session, pair];

/** A decoder's input takes a tenth of the time of a session's, and a fortieth of that of a pair: all get as much of it. */
const TURNS: Readonly<Record<string, number>> = { tokens: 1, session: 4, pair: 1 };
const TURNS_OF_DECODERS = 7;

/** The targets of these names, in the order in which they take their turns. */
export function turnsOf(names: readonly string[]): readonly Target[] {
  const targets = TARGETS.filter(({ name }) => names.includes(name));
  if (targets.length === 1) return targets;
  const rounds = Array.from({ length: TURNS_OF_DECODERS }, (_, round) =>
    targets.filter(({ name }) => round < (TURNS[name] ?? TURNS_OF_DECODERS)),
  );
  return rounds.flat();
}
