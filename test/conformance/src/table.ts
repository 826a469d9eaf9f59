import type { Rows } from './row.js';
import { ANSWERS_AND_UPDATES } from './rows/answers-and-updates.js';
import { DATA_STREAMS } from './rows/data-streams.js';
import { OBJECTS_AND_NAMES } from './rows/objects-and-names.js';
import { PARAMETERS } from './rows/parameters.js';
import { PRIORITIES_AND_TIMEOUTS } from './rows/priorities-and-timeouts.js';
import { PROPERTIES_AND_THE_REST } from './rows/properties-and-the-rest.js';
import { RELAYS } from './rows/relays.js';
import { REQUESTS } from './rows/requests.js';
import { SESSIONS } from './rows/sessions.js';
import { SETUP_AND_GOAWAY } from './rows/setup-and-goaway.js';
import { SUBSCRIPTIONS_AND_NAMESPACES } from './rows/subscriptions-and-namespaces.js';

/** Every normative sentence of draft-18, in order. */
export const ROWS: Rows = {
  ...OBJECTS_AND_NAMES,
  ...SESSIONS,
  ...SUBSCRIPTIONS_AND_NAMESPACES,
  ...PRIORITIES_AND_TIMEOUTS,
  ...RELAYS,
  ...PARAMETERS,
  ...SETUP_AND_GOAWAY,
  ...ANSWERS_AND_UPDATES,
  ...REQUESTS,
  ...DATA_STREAMS,
  ...PROPERTIES_AND_THE_REST,
};
