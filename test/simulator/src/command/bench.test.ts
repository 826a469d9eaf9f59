import { expect, it } from 'vitest';
import type { Scenario } from '../frame/run-seed.js';
import { Simulation } from '../frame/simulation.js';
import { bench, benchText } from './bench.js';

it('runs seeds one after the other, at least one, and tells how fast', async () => {
  const seeds: number[] = [];
  const scenario: Scenario = {
    name: 'empty',
    async run(seed, observer) {
      seeds.push(seed);
      const simulation = new Simulation(seed);
      observer.built(simulation);
      simulation.world.schedule(3_600_000, () => {});
      await simulation.run(3_600_000);
    },
  };
  const result = await bench(scenario, 7, 0);
  expect(seeds).toEqual([7]);
  expect(result).toMatchObject({ scenario: 'empty', seeds: 1, violations: 0 });
  expect(result.virtualHoursPerMinute / result.seedsPerMinute).toBeCloseTo(1, 6);
  expect(benchText(result)).toMatch(/^empty +1 seeds, .* 0 violations$/);
});
