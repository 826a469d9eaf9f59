import { measureInside, obstacleOfEnforcement } from '../enforcement/isolation.js';
import type { Benchmark } from '../harness/benchmark.js';

/** From a publisher's commit to the kernels of two PoPs. */
export const commitToEnforced: Benchmark = {
  name: 'commit',
  description:
    'time from the publisher’s call, journal included, to the kernel’s commit, which the agent states once it has read ' +
    'the set back, and to that statement at the origin; two tiers, two PoPs in network namespaces, resolution 1 ms',
  obstacle: obstacleOfEnforcement,
  run: (context) => measureInside('commit', context),
};

/** The verdict flips in the kernel, with everything else dead. */
export const expiryLateness: Benchmark = {
  name: 'expiry',
  description:
    'time from a list’s deadline, as its agent named it before it was killed, to the first packet with the new verdict; ' +
    'publisher, relays and agents are dead by then',
  obstacle: obstacleOfEnforcement,
  run: (context) => measureInside('expiry', context),
};
