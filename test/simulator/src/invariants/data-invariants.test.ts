import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { applied } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import type { Invariant } from '../frame/invariant.js';
import type { Observation } from '../frame/observation.js';
import { appliedOf, DataAuthor, MAP_TRACK, mapModel } from '../programs/data-content.js';
import { VirtualKernel } from '../programs/kernel.js';
import { gapsAreSurfaced } from './gaps-are-surfaced.js';
import { invalidNeverReplacesLastGood } from './invalid-never-replaces-last-good.js';
import { mapEqualsItsModel } from './map-equals-its-model.js';
import { type CurrentValue, nothingExpiredIsCurrent } from './nothing-expired-is-current.js';
import { oneEpochWins } from './one-epoch-wins.js';
import { relaysNeverExtendATtl } from './relays-never-extend-a-ttl.js';
import { subscribersConverge } from './subscribers-converge.js';
import { thenTheDefaultOnce } from './then-the-default-once.js';

const TRACK = 'org/acme/lists/blocked';
const PATH = { networkMsMax: 100, relays: 1 };
const STALL = { kind: 'fault', node: 'link', what: 'partition', stalls: true } as const;

describe('gaps-are-surfaced', () => {
  const published = [0, 1, 2].map((object) => committed(1, object));

  it('accepts events in order, and a loss that is told after a fault', () => {
    expect(() => tell(gapsAreSurfaced(TRACK), ...published, delivered(1, 0), delivered(1, 1))).not.toThrow();
    const loss = [{ ...STALL, phase: 'begin' }, delivered(1, 0), delivered(1, 2, true)] as const;
    expect(() => tell(gapsAreSurfaced(TRACK), ...published, ...loss)).not.toThrow();
  });

  it('accepts what another writer had written in between', () => {
    const other = { ...committed(2, 0), node: 'standby' };
    expect(() => tell(gapsAreSurfaced(TRACK), ...published, other, delivered(1, 0), delivered(2, 0))).not.toThrow();
  });

  it('catches a hole without a word, a repeat, and a loss without a cause', () => {
    const run = (...events: Observation[]) => tell(gapsAreSurfaced(TRACK), ...published, ...events);
    expect(() => run(delivered(1, 0), delivered(1, 2))).toThrow(/without a word about 1 events from 1\/1 on/);
    expect(() => run(delivered(1, 1), delivered(1, 1))).toThrow(/1\/1 after 1\/1/);
    expect(() => run(delivered(1, 0), delivered(1, 2, true))).toThrow(/nothing was wrong/);
    expect(() => run(delivered(9, 0))).toThrow(/nobody published/);
  });
});

describe('map-equals-its-model', () => {
  const author = new DataAuthor(7);
  const { set, removed } = author.edit(1);
  const snapshot = () => ({
    ...committed(1, 0, applied.encodeSnapshot(new Map(set.map((key) => [key, applied.encode(appliedOf(1))])))),
    track: MAP_TRACK,
  });
  const wanted = new Map(set.map((key) => [key, '1']));

  it('accepts what the edits lead to', () => {
    expect(() => tell(mapEqualsItsModel(mapModel(author)), snapshot(), held(1, 0, wanted))).not.toThrow();
  });

  it('catches a subscriber that has something else, and a place that nobody published', () => {
    const run = (...events: Observation[]) => tell(mapEqualsItsModel(mapModel(author)), snapshot(), ...events);
    expect(() => run(held(1, 0, new Map([...wanted, ['more', '1']])))).toThrow(/more is there, expected nothing/);
    expect(() => run(held(1, 0, new Map()))).toThrow(/is missing, expected 1/);
    expect(() => run(held(1, 1, wanted))).toThrow(/nobody published/);
  });

  it('catches a confirmed edit that is not there', () => {
    const confirmed = (serial: number) =>
      ({ kind: 'confirmed', node: 'publisher', track: MAP_TRACK, group: 1, object: 0, serial }) as const;
    const run = (...events: Observation[]) => tell(mapEqualsItsModel(mapModel(author)), snapshot(), ...events);
    expect(() => run(confirmed(1))).not.toThrow();
    expect(() => run(confirmed(2))).toThrow(/has edit 1 at 1 0, where edit 2 was confirmed/);
  });

  it('catches a publisher whose delta is not the edit', () => {
    const delta = applied.encodeDelta({ set: new Map([['serial', applied.encode(appliedOf(2))]]), removed });
    const second = { ...committed(1, 1, delta), track: MAP_TRACK };
    expect(() => tell(mapEqualsItsModel(mapModel(author)), snapshot(), second)).toThrow(/committed 1 1/);
  });
});

describe('then-the-default-once', () => {
  const LISTS = [{ track: TRACK, expiry: 'closed' }];
  const value = [committed(1, 0), received(1), enforced(1)] as const;

  it('accepts one transition at the TTL, and one back', () => {
    const run = [...value, expired(1, 'closed'), committed(2, 0), received(2), enforced(2)];
    expect(() => tell(thenTheDefaultOnce(LISTS), ...run)).not.toThrow();
  });

  it('catches another default, a second one, and the same value again', () => {
    const run = (...events: Observation[]) => tell(thenTheDefaultOnce(LISTS), ...value, ...events);
    expect(() => run(expired(1, 'open'))).toThrow(/does open .* configured is closed/);
    expect(() => run(expired(1, 'closed'), expired(1, 'closed'))).toThrow(/a second time/);
    expect(() => run(expired(1, 'closed'), enforced(1))).toThrow(/again, whose time was up/);
  });

  it('catches a newer value that is ignored, and a default that does not come', () => {
    const consuming = { epochOf: () => 0, path: PATH, isRunning: () => true };
    const ignoring = thenTheDefaultOnce(LISTS, new Map(), consuming);
    tell(ignoring, ...value, expired(1, 'closed'), committed(2, 0), received(2));
    expect(() => ignoring.check!(400)).not.toThrow();
    expect(() => ignoring.check!(600)).toThrow(/has a newer .* and ignores it/);
    const late = thenTheDefaultOnce(LISTS, new Map(), consuming);
    tell(late, ...value);
    expect(() => late.check!(1400)).not.toThrow();
    expect(() => late.check!(1700)).toThrow(/still does what an expired .* says/);
  });

  it('catches a kernel that enforces again what it took off', async () => {
    const world = new VirtualWorld({ seed: 1 });
    const kernel = new VirtualKernel(new VirtualMachine(world, { name: 'pop-1' }));
    const invariant = thenTheDefaultOnce(LISTS, new Map([['pop-1', kernel]]));
    kernel.enforce(TRACK, { group: 1, version: 1, deadlineBootMs: kernel.bootMs() + 100 });
    await world.runUntil(200);
    invariant.check!(200);
    kernel.enforce(TRACK, { group: 1, version: 1, deadlineBootMs: kernel.bootMs() + 100 });
    expect(() => invariant.check!(200)).toThrow(/again, whose time was up/);
  });
});

describe('relays-never-extend-a-ttl', () => {
  it('accepts what the way takes, and what a fault held up', () => {
    const invariant = relaysNeverExtendATtl(PATH);
    tell(invariant, committed(1, 0));
    expect(() => invariant.observe!(served(1, 400), 500)).not.toThrow();
    invariant.observe!({ ...STALL, phase: 'begin' }, 500);
    invariant.observe!({ ...STALL, phase: 'end' }, 2500);
    expect(() => invariant.observe!(served(1, 400), 2500)).not.toThrow();
  });

  it('catches an age that is too low, and another TTL', () => {
    const invariant = relaysNeverExtendATtl(PATH);
    tell(invariant, committed(1, 0));
    expect(() => invariant.observe!(served(1, 400), 600)).toThrow(/as 400 ms old: it is 600/);
    expect(() => invariant.observe!({ ...served(1, 400), ttlMs: 2000 } as Observation, 400)).toThrow(/a TTL of 2000/);
  });
});

describe('nothing-expired-is-current', () => {
  const judging = (current: Partial<CurrentValue>) => {
    const value = { group: 1, object: 0, freshness: 'live', ageMs: 0, ttlMs: 1000, ...current };
    return nothingExpiredIsCurrent(
      () => [['edge', TRACK, value]],
      () => 0,
      PATH,
      [],
    );
  };

  it('catches a relay that hands out what is over', () => {
    expect(() => tell(judging({}), served(1, 1000))).not.toThrow();
    expect(() => tell(judging({}), served(1, 1001))).toThrow(/1001 of 1000 ms old/);
  });

  it('catches a subscriber that calls it live, by its own word or by the time', () => {
    expect(() => judging({ ageMs: 1000 }).check!(0)).toThrow(/as it says itself/);
    const invariant = judging({ ageMs: 999 });
    tell(invariant, committed(1, 0), received(1));
    expect(() => invariant.check!(1010)).not.toThrow();
    expect(() => invariant.check!(1020)).toThrow(/past its TTL and skew/);
  });
});

describe('one-epoch-wins', () => {
  const judging = () =>
    oneEpochWins({ epochOf: (group) => Math.floor(group / 10), tracks: [TRACK], subscribers: () => ['edge'] });

  it('catches a subscriber and a relay that go back', () => {
    expect(() => tell(judging(), received(21), received(15))).toThrow(/edge goes back to epoch 1/);
    expect(() => tell(judging(), served(21, 0), served(15, 0))).toThrow(/relay-1 goes back to epoch 1/);
    const restarted = { kind: 'started', node: 'relay-1' } as const;
    expect(() => tell(judging(), served(21, 0), restarted, served(15, 0))).not.toThrow();
  });

  it('catches who has not got the newest in the end, while that is worth anything', () => {
    const invariant = judging();
    tell(invariant, committed(15, 0), received(15), committed(21, 0));
    expect(invariant.holds()).toBe(false);
    expect(() => invariant.finish!(500)).toThrow(/edge has epoch 1 .* expected 2/);
    expect(() => invariant.finish!(2000)).not.toThrow();
  });
});

describe('invalid-never-replaces-last-good', () => {
  const judging = () => invalidNeverReplacesLastGood(TRACK, () => ['edge']);
  const spoiled = {
    kind: 'spoiled',
    node: 'publisher',
    track: TRACK,
    group: 2,
    object: 0,
    fault: 'no content',
  } as const;
  const refused = (group: number) =>
    ({ kind: 'refused', node: 'edge', track: TRACK, group, object: 0, reason: 'no content' }) as const;

  it('accepts a refusal of what is invalid', () => {
    const invariant = judging();
    tell(invariant, committed(1, 0), received(1), spoiled, refused(2));
    expect(() => invariant.finish!(0)).not.toThrow();
  });

  it('catches an invalid object that is taken, a valid one that is refused, and silence', () => {
    expect(() => tell(judging(), committed(1, 0), spoiled, received(2))).toThrow(/took group 2 .* no content/);
    expect(() => tell(judging(), committed(1, 0), refused(1))).toThrow(/which is as it should be/);
    const invariant = judging();
    tell(invariant, committed(1, 0), received(1), spoiled);
    expect(() => invariant.finish!(0)).toThrow(/was not told to refuse group 2/);
  });
});

describe('subscribers-converge', () => {
  const judging = () => subscribersConverge([TRACK], () => ['edge']);

  it('holds when everybody has the content that was written last', () => {
    const invariant = judging();
    tell(invariant, committed(1, 0), committed(2, 0), received(1));
    expect(invariant.holds()).toBe(true);
  });

  it('catches older content, and nothing at all', () => {
    const invariant = judging();
    tell(invariant, committed(1, 0), received(1), committed(2, 0, new Uint8Array([9])));
    expect(() => invariant.finish!(500)).toThrow(/has group 1 object 0 .* expected group 2 object 0/);
    const empty = judging();
    tell(empty, committed(1, 0));
    expect(() => empty.finish!(500)).toThrow(/has nothing/);
    expect(() => empty.finish!(1000)).not.toThrow();
  });
});

function tell(invariant: Invariant, ...observations: readonly Observation[]): void {
  for (const observation of observations) invariant.observe!(observation, 0);
}

function committed(group: number, object: number, payload: Uint8Array = new Uint8Array([1])) {
  const what = { track: TRACK, group, object, payload, ttlMs: 1000, version: null };
  return { kind: 'committed', node: 'publisher', ...what } as const;
}

function received(group: number) {
  return { kind: 'received', node: 'edge', track: TRACK, group, payload: new Uint8Array([1]) } as const;
}

function delivered(group: number, object: number, lost = false) {
  const what = { track: TRACK, group, object, payload: new Uint8Array([1]), lost };
  return { kind: 'delivered', node: 'edge', ...what } as const;
}

function held(group: number, object: number, entries: ReadonlyMap<string, string>) {
  return { kind: 'held', node: 'edge', track: MAP_TRACK, group, object, entries } as const;
}

function enforced(group: number) {
  return { kind: 'enforced', node: 'edge', track: TRACK, group, version: 1 } as const;
}

function expired(group: number, mode: string) {
  return { kind: 'expired', node: 'edge', track: TRACK, group, version: 1, mode } as const;
}

function served(group: number, ageMs: number) {
  const what = { track: TRACK, group, object: 0, ttlMs: 1000, ageMs, newest: true, joined: true };
  return { kind: 'served', node: 'probe', relay: 'relay-1', ...what } as const;
}
