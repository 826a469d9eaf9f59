import { RANGE_ENDS } from '../data/fetch-parser.js';
import { fetch } from '../messages/fetch.js';
import { fetchOk } from '../messages/fetch-ok.js';
import { goaway } from '../messages/goaway.js';
import { namespace, namespaceDone } from '../messages/namespace.js';
import { publish } from '../messages/publish.js';
import { publishBlocked } from '../messages/publish-blocked.js';
import { publishDone } from '../messages/publish-done.js';
import { publishNamespace } from '../messages/publish-namespace.js';
import { requestError } from '../messages/request-error.js';
import { requestOk } from '../messages/request-ok.js';
import { requestUpdate } from '../messages/request-update.js';
import { setup } from '../messages/setup.js';
import { subscribe } from '../messages/subscribe.js';
import { subscribeNamespace } from '../messages/subscribe-namespace.js';
import { subscribeOk } from '../messages/subscribe-ok.js';
import { subscribeTracks } from '../messages/subscribe-tracks.js';
import { trackStatus } from '../messages/track-status.js';
import { PARAMETERS_18 } from './moqt-18-parameters.js';
import { defineProfile, type Profile } from './profile.js';

/** draft-ietf-moq-transport-18. */
export const MOQT_18: Profile = defineProfile(
  'moqt-18',
  [
    setup,
    goaway,
    subscribe,
    subscribeOk,
    requestUpdate,
    requestOk,
    requestError,
    publish,
    publishDone,
    publishBlocked,
    fetch,
    fetchOk,
    trackStatus,
    publishNamespace,
    subscribeNamespace,
    subscribeTracks,
    namespace,
    namespaceDone,
  ],
  PARAMETERS_18,
  {
    concurrentSubscriptions: false,
    emptyTrackNames: true,
    rangeEnds: RANGE_ENDS,
  },
);
