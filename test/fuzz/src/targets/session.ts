import type { Outcome, Target } from '../frame/finding.js';
import type { Random } from '../frame/random.js';
import { Harness } from '../session/harness.js';
import { Peer } from '../session/peer.js';
import { COMMANDS, type SessionSetting, type Step } from '../session/step.js';

/** A session in either role between an application and a peer, both drawn; judged by `Harness`. */
export const session: Target = {
  name: 'session',
  fuzz(random) {
    const harness = new Harness({ role: random.pick(['client', 'server']), overWebTransport: random.oneIn(4) });
    const peer = new Peer(harness, random, random.pick([3, 8, 25]));
    play(harness, peer, random);
    harness.finish(peer.openStreams());
    return outcome(harness);
  },
  replay(input) {
    const { steps, ...setting } = input as SessionSetting & { readonly steps: readonly Step[] };
    const harness = new Harness(setting);
    for (const step of steps) harness.apply(step);
    return outcome(harness);
  },
};

function play(harness: Harness, peer: Peer, random: Random): void {
  const late = random.oneIn(4) ? random.below(12) : 0;
  const length = random.between(8, 40);
  for (let i = 0; i < length && harness.closeCode === null; i++) {
    if (i === late) peer.setup();
    else if (random.oneIn(3)) command(harness, random);
    else peer.act();
  }
}

function command(harness: Harness, random: Random): void {
  const rare = random.oneIn(3) ? COMMANDS : COMMANDS.filter((name) => name !== 'goaway');
  harness.apply({ do: 'command', command: random.pick(rare), a: random.below(100), b: random.below(1000) });
}

function outcome(harness: Harness): Outcome {
  return { bytes: harness.bytes, passedFirst: harness.established };
}
