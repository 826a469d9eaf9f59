import { type Followed, type Participant, Stage } from './stage.fixture.js';

const TTL_MS = 60_000;

/**
 * Regions with two relays and one PoP each, below an origin with a standby: the publisher prefers the origin, the standby
 * is below it, so that a publisher at either is found from everywhere; regional relays prefer the origin.
 */
export class Continent {
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

/** The relays of a region. */
export function relaysOf(region: string): string[] {
  return [`${region}-1`, `${region}-2`];
}
