import { describe, expect, it } from 'vitest';
import { readCorpus } from './frame/corpus.js';
import { FuzzRun } from './frame/run.js';
import { TARGETS } from './targets/index.js';

const INPUTS = {
  messages: 1500,
  subgroups: 1500,
  fetches: 1500,
  datagrams: 1500,
  properties: 1500,
  tokens: 200,
  session: 400,
  pair: 150,
};

describe('fuzzing', () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))('BUS-68: finds nothing in %s', (name, target) => {
    const run = new FuzzRun([target], 18);
    run.run(0, INPUTS[name as keyof typeof INPUTS]);
    expect([...run.found.values()]).toEqual([]);
    expect(run.passedFirst / run.inputs).toBeGreaterThan(0.5);
  });

  it.each(TARGETS.map((target) => [target.name, target] as const))(
    'draws the same inputs from a seed: %s',
    (_name, target) => {
      const tallies = [1, 2].map(() => {
        const run = new FuzzRun([target], 5);
        run.run(0, 40);
        return run.tallies.get(target.name);
      });
      expect(tallies[0]).toEqual(tallies[1]);
      expect(tallies[0]?.bytes).toBeGreaterThan(0);
    },
  );

  const kept = [...readCorpus()].filter(([, { target }]) => target !== 'work');
  it.each(kept)('replays %s', (_file, { target, input }) => {
    const found = TARGETS.find(({ name }) => name === target);
    expect(found?.replay(input).bytes).toBeGreaterThan(0);
  });
});
