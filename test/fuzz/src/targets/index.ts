import type { Target } from '../frame/finding.js';
import { datagrams, fetches, properties, subgroups } from './data.js';
import { messages } from './messages.js';
import { pair } from './pair.js';
import { session } from './session.js';

/** What takes turns in a run; `work` counts blocks of code and runs beside them, in an isolate of its own. */
export const TARGETS: readonly Target[] = [messages, subgroups, fetches, datagrams, properties, session, pair];
