import { balancersConvergeMutants } from './balancers-converge.js';
import { bytesAreIdenticalMutants } from './bytes-are-identical.js';
import { convergesMutants } from './converges.js';
import { groupIdsRiseMutants } from './group-ids-rise.js';
import type { Mutant } from './mutant.js';
import { nothingOutlivesItsTtlMutants } from './nothing-outlives-its-ttl.js';
import { poolsFollowLocalHealthMutants } from './pools-follow-local-health.js';
import { slotsAgreeMutants } from './slots-agree.js';
import { versionNeverGoesBackMutants } from './version-never-goes-back.js';

/** Every mutant, by the invariant that must notice it; at least three for each. */
export const mutants: readonly Mutant[] = [
  ...versionNeverGoesBackMutants,
  ...groupIdsRiseMutants,
  ...bytesAreIdenticalMutants,
  ...nothingOutlivesItsTtlMutants,
  ...convergesMutants,
  ...balancersConvergeMutants,
  ...poolsFollowLocalHealthMutants,
  ...slotsAgreeMutants,
];
