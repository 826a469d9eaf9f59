import type { Guarantee } from '../frame/invariant.js';
import { guarantee as aStalledPeerMovesNobody } from './a-stalled-peer-moves-nobody.js';
import { guarantee as balancersConverge } from './balancers-converge.js';
import { guarantee as bytesAreIdentical } from './bytes-are-identical.js';
import { guarantee as converges } from './converges.js';
import { guarantee as deadPublisherIsKnown } from './dead-publisher-is-known.js';
import { guarantee as gapsAreSurfaced } from './gaps-are-surfaced.js';
import { guarantee as groupIdsRise } from './group-ids-rise.js';
import { guarantee as invalidNeverReplacesLastGood } from './invalid-never-replaces-last-good.js';
import { guarantee as leavingLosesNothing } from './leaving-loses-nothing.js';
import { guarantee as lossDelaysOnlyItsOwn } from './loss-delays-only-its-own.js';
import { guarantee as mapEqualsItsModel } from './map-equals-its-model.js';
import { guarantee as nothingExpiredIsCurrent } from './nothing-expired-is-current.js';
import { guarantee as nothingOutlivesItsTtl } from './nothing-outlives-its-ttl.js';
import { guarantee as oneEpochWins } from './one-epoch-wins.js';
import { guarantee as oneUpstreamSubscription } from './one-upstream-subscription.js';
import { guarantee as poolsFollowLocalHealth } from './pools-follow-local-health.js';
import { guarantee as relaysNeverExtendATtl } from './relays-never-extend-a-ttl.js';
import { guarantee as resubscribesByItself } from './resubscribes-by-itself.js';
import { guarantee as sameSeedSameTrace } from './same-seed-same-trace.js';
import { guarantee as slotsAgree } from './slots-agree.js';
import { guarantee as staysWithinBudget } from './stays-within-budget.js';
import { guarantee as subscribersConverge } from './subscribers-converge.js';
import { guarantee as thenTheDefaultOnce } from './then-the-default-once.js';
import { guarantee as upstreamLoadFollowsTracks } from './upstream-load-follows-tracks.js';
import { guarantee as versionNeverGoesBack } from './version-never-goes-back.js';
import { guarantee as workPerTurnIsBounded } from './work-per-turn-is-bounded.js';

/** Every invariant, one per file of this folder, in the order of the design's list. */
export const guarantees: readonly Guarantee[] = [
  versionNeverGoesBack,
  bytesAreIdentical,
  gapsAreSurfaced,
  mapEqualsItsModel,
  nothingOutlivesItsTtl,
  thenTheDefaultOnce,
  relaysNeverExtendATtl,
  nothingExpiredIsCurrent,
  groupIdsRise,
  oneEpochWins,
  invalidNeverReplacesLastGood,
  converges,
  subscribersConverge,
  balancersConverge,
  poolsFollowLocalHealth,
  slotsAgree,
  oneUpstreamSubscription,
  resubscribesByItself,
  deadPublisherIsKnown,
  leavingLosesNothing,
  staysWithinBudget,
  aStalledPeerMovesNobody,
  lossDelaysOnlyItsOwn,
  upstreamLoadFollowsTracks,
  workPerTurnIsBounded,
  sameSeedSameTrace,
];
