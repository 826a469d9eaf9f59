import { aStalledPeerMovesNobodyMutants } from './a-stalled-peer-moves-nobody.js';
import { agentMutants } from './agent.js';
import { balancersConvergeMutants } from './balancers-converge.js';
import { bytesAreIdenticalMutants } from './bytes-are-identical.js';
import { convergesMutants } from './converges.js';
import { deadPublisherIsKnownMutants } from './dead-publisher-is-known.js';
import { gapsAreSurfacedMutants } from './gaps-are-surfaced.js';
import { groupIdsRiseMutants } from './group-ids-rise.js';
import { invalidNeverReplacesLastGoodMutants } from './invalid-never-replaces-last-good.js';
import { leavingLosesNothingMutants } from './leaving-loses-nothing.js';
import { lossDelaysOnlyItsOwnMutants } from './loss-delays-only-its-own.js';
import { mapEqualsItsModelMutants } from './map-equals-its-model.js';
import type { Mutant } from './mutant.js';
import { nothingExpiredIsCurrentMutants } from './nothing-expired-is-current.js';
import { nothingOutlivesItsTtlMutants } from './nothing-outlives-its-ttl.js';
import { oneEpochWinsMutants } from './one-epoch-wins.js';
import { oneUpstreamSubscriptionMutants } from './one-upstream-subscription.js';
import { poolsFollowLocalHealthMutants } from './pools-follow-local-health.js';
import { relaysNeverExtendATtlMutants } from './relays-never-extend-a-ttl.js';
import { resubscribesByItselfMutants } from './resubscribes-by-itself.js';
import { sameSeedSameTraceMutants } from './same-seed-same-trace.js';
import { slotsAgreeMutants } from './slots-agree.js';
import { staysWithinBudgetMutants } from './stays-within-budget.js';
import { subscribersConvergeMutants } from './subscribers-converge.js';
import { thenTheDefaultOnceMutants } from './then-the-default-once.js';
import { upstreamLoadFollowsTracksMutants } from './upstream-load-follows-tracks.js';
import { versionNeverGoesBackMutants } from './version-never-goes-back.js';
import { workPerTurnIsBoundedMutants } from './work-per-turn-is-bounded.js';

/** Every mutant, by the invariant that must notice it; at least three for each. */
export const mutants: readonly Mutant[] = [
  ...versionNeverGoesBackMutants,
  ...groupIdsRiseMutants,
  ...bytesAreIdenticalMutants,
  ...nothingOutlivesItsTtlMutants,
  ...gapsAreSurfacedMutants,
  ...mapEqualsItsModelMutants,
  ...thenTheDefaultOnceMutants,
  ...relaysNeverExtendATtlMutants,
  ...nothingExpiredIsCurrentMutants,
  ...oneEpochWinsMutants,
  ...invalidNeverReplacesLastGoodMutants,
  ...subscribersConvergeMutants,
  ...convergesMutants,
  ...agentMutants,
  ...balancersConvergeMutants,
  ...poolsFollowLocalHealthMutants,
  ...slotsAgreeMutants,
  ...oneUpstreamSubscriptionMutants,
  ...resubscribesByItselfMutants,
  ...deadPublisherIsKnownMutants,
  ...leavingLosesNothingMutants,
  ...staysWithinBudgetMutants,
  ...aStalledPeerMovesNobodyMutants,
  ...lossDelaysOnlyItsOwnMutants,
  ...upstreamLoadFollowsTracksMutants,
  ...workPerTurnIsBoundedMutants,
  ...sameSeedSameTraceMutants,
];
