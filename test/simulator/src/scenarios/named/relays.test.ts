import { describe, expect, it } from 'vitest';
import { Violation } from '../../frame/invariant.js';
import { type Followed, type Participant, Stage } from './stage.fixture.js';

const TTL_MS = 60_000;
/** Longest way back after a fault: idle time-out (4 s), back-off (10 s) at two hops, a renewal (20 s). */
const CONVERGENCE_MS_MAX = 45_000;

describe('relays and topology', { timeout: 300_000 }, () => {
  it('BUS-55: the loss of all relays of one region touches nobody elsewhere, and its own PoPs find others', async () => {
    const whole = await runContinent(false);
    const broken = await runContinent(true);
    // To the millisecond and the version: not only does it go on, it goes on as if nothing had happened.
    for (const pop of ['pop-a', 'pop-c']) expect(broken.told(pop)).toEqual(whole.told(pop));
    expect(whole.told('pop-a').length).toBeGreaterThan(50);
    expect(broken.newest('pop-b')).toBe(broken.published);
  });

  it.each(['origin', 'standby', 'a-1', 'a-2', 'b-1', 'b-2', 'publisher', 'pop-a', 'pop-b'])(
    'BUS-56: %s dies under load and comes back: everybody converges, and the others before that',
    async (victim) => {
      const continent = await Continent.build(56, ['a', 'b']);
      const { stage, publish, pops } = continent;
      await publish(20);
      const node = stage.simulation.nodes.get(victim)!;
      node.crash();
      if (victim === 'publisher') await stage.run(20_000);
      else {
        await publish(60);
        // 30 s later the survivors have found another way, whatever died.
        const survivors = [...pops].filter(([name]) => name !== victim).map(([, followed]) => followed);
        await stage.until('the survivors converge', () => continent.holdNewest(survivors), CONVERGENCE_MS_MAX);
      }
      node.start();
      if (victim.startsWith('pop-')) await stage.until(`${victim} is up`, () => continent.refollow(victim));
      if (victim === 'publisher') await stage.until('the publisher is up', () => continent.publisher.up);
      await publish(3);
      await stage.until('everybody converges', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
    },
  );

  it.each([
    ['publisher', 'origin'],
    ['standby', 'origin'],
    ['a-1', 'origin'],
    ['b-2', 'origin'],
    ['pop-a', 'a-1'],
    ['pop-b', 'b-1'],
  ] as const)('BUS-56: the link between %s and %s fails under load: everybody goes around it', async (left, right) => {
    const continent = await Continent.build(562, ['a', 'b']);
    const { stage, publish, pops } = continent;
    await publish(20);
    stage.simulation.network.partition(left, right);
    await publish(60);
    await stage.until('everybody has gone around', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
    stage.simulation.network.healAll();
    await publish(3);
    await stage.until('everybody converges', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
  });

  it('BUS-56: the origin dies for good, and the standby takes its place', async () => {
    const continent = await Continent.build(563, ['a', 'b']);
    const { stage, publish, pops } = continent;
    await publish(20);
    stage.simulation.nodes.get('origin')!.crash();
    await publish(120);
    await stage.until('everybody converges', () => continent.holdNewest([...pops.values()]), CONVERGENCE_MS_MAX);
    const newcomer = (await stage.participant('newcomer', ['b-2'])).follow();
    await stage.until('a newcomer does', () => continent.holdNewest([newcomer]), CONVERGENCE_MS_MAX);
  });

  it('BUS-60: ten times the tracks that fit stay within the cache budget at every step; a restart empties the cache', async () => {
    const stage = new Stage(60);
    const cacheBytesMax = 64 * 1024;
    const node = stage.relay('edge', [], { cacheBytesMax });
    const budget = () => stage.relayOf('edge').core.budget;
    let usedMax = 0;
    stage.simulation.hold({
      id: 'cache-within-budget',
      statement: 'what the relay has cached stays within its budget',
      check() {
        usedMax = Math.max(usedMax, budget().bytes);
        if (budget().bytes > cacheBytesMax) throw new Violation(this.id, `the cache has ${budget().bytes} bytes`);
      },
    });
    const publisher = await stage.participant('publisher', ['edge']);
    const follower = await stage.participant('follower', ['edge']);
    const lists = Array.from({ length: 1000 }, (_, index) => ({ org: 'acme', list: `list-${index}` }));
    const followed = lists.map((list) => follower.follow(list));
    for (const list of lists) await publisher.publishList(1, TTL_MS, list);
    await stage.until('all lists', () => followed.every(({ now }) => now() !== null));
    expect(usedMax).toBeGreaterThan(cacheBytesMax / 2);
    publisher.node.crash();
    node.crash();
    node.start();
    await stage.run(5000);
    const newcomer = (await stage.participant('newcomer', ['edge'])).follow(lists[0]);
    await stage.run(5000);
    expect(newcomer.now()).toBeNull();
    expect(followed[0]!.now()?.freshness).toBe('live');
  });
});

/**
 * Regions with two relays and one PoP each, below an origin with a standby: the publisher prefers the origin, the standby
 * is below it, so that a publisher at either is found from everywhere; regional relays prefer the origin.
 */
class Continent {
  readonly stage: Stage;
  readonly publisher: Participant;
  readonly pops = new Map<string, Followed>();
  readonly #participants = new Map<string, Participant>();
  #version = 0;

  private constructor(stage: Stage, publisher: Participant) {
    this.stage = stage;
    this.publisher = publisher;
  }

  static async build(seed: number, regions: readonly string[]): Promise<Continent> {
    const stage = new Stage(seed);
    stage.relay('origin');
    stage.relay('standby', ['origin']);
    const continent = new Continent(stage, await stage.participant('publisher', ['origin', 'standby']));
    for (const region of regions) {
      for (const relay of relaysOf(region)) stage.relay(relay, ['origin', 'standby']);
    }
    for (const region of regions) {
      // The region's own relays first, then those of all others.
      const relays = [region, ...regions.filter((other) => other !== region)].flatMap(relaysOf);
      const pop = await stage.participant(`pop-${region}`, relays);
      continent.#participants.set(pop.node.name, pop);
      continent.pops.set(pop.node.name, pop.follow());
    }
    return continent;
  }

  /** The version that was committed last. */
  get version(): number {
    return this.#version;
  }

  /** Publishes so many versions, one each half second; those that cannot be sent are committed all the same. */
  readonly publish = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      this.#version += 1;
      await this.publisher.publishList(this.#version, TTL_MS);
      await this.stage.run(500);
    }
  };

  holdNewest(followed: readonly Followed[]): boolean {
    return followed.every(({ now }) => now()?.version === this.#version);
  }

  /** Follows again in the new process of a PoP; returns whether that is there. */
  refollow(pop: string): boolean {
    const participant = this.#participants.get(pop)!;
    if (!participant.up) return false;
    this.pops.set(pop, participant.follow());
    return true;
  }
}

function relaysOf(region: string): string[] {
  return [`${region}-1`, `${region}-2`];
}

/** Half a minute of updates in three regions; the relays of one of them die in its middle, if asked for. */
async function runContinent(withLoss: boolean) {
  const continent = await Continent.build(55, ['a', 'b', 'c']);
  const { stage, publish, pops } = continent;
  await publish(20);
  if (withLoss) for (const relay of relaysOf('b')) stage.simulation.nodes.get(relay)!.crash();
  await publish(60);
  return {
    published: continent.version,
    newest: (pop: string) => pops.get(pop)!.now()?.version,
    told: (pop: string) => pops.get(pop)!.told.map(({ atMs, update }) => [atMs, update.current?.version]),
  };
}
