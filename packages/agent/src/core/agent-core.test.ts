import { parseIpSet } from '@higgins/ipdata';
import { describe, expect, it } from 'vitest';
import { type AgentAction, AgentCore, type Now } from './agent-core.js';
import type { ListValue } from './list.js';

const TRACK = 'org/acme/lists/blocked';

describe('AgentCore', () => {
  it('BUS-92, BUS-93: acknowledges what was read back, not what arrived', () => {
    const core = new AgentCore([{ id: 'a', track: TRACK }]);
    core.value(TRACK, value({ group: 5, version: 3 }));
    expect(describeActions(core)).toEqual(['enforce a group 5']);
    core.applied('a', core.states()[0]!.desired!, 1_700);
    expect(describeActions(core)).toEqual(['acknowledge applied group 5 version 3, 2 entries, at 1700']);
    expect(core.states()[0]!.phase).toBe('enforced');
  });

  it('BUS-93: acknowledges a failed apply with its reason, keeps what is in force, and tries again after a pause', () => {
    const core = enforced(value({ group: 5, version: 3 }));
    const bad = value({ group: 6, version: 4 });
    core.value(TRACK, bad);
    expect(describeActions(core)).toEqual(['enforce a group 6']);
    core.failed('a', bad, 'nft: no space', at(10_000));
    expect(describeActions(core)).toEqual(['acknowledge refused group 6 version 4, nft: no space, at 10000']);
    expect(core.states()[0]).toMatchObject({ phase: 'failed', enforced: { value: { group: 5 } } });
    expect(core.nextBootMs()).toBe(10_500);
    core.tick(at(10_499));
    expect(core.next()).toBeNull();
    core.tick(at(10_500));
    expect(describeActions(core)).toEqual(['enforce a group 6']);
    core.applied('a', bad, 10_600);
    expect(describeActions(core)).toEqual(['acknowledge applied group 6 version 4, 2 entries, at 10600']);
  });

  it('waits longer after each failure, up to a bound, and at once takes a newer value', () => {
    const core = new AgentCore([{ id: 'a', track: TRACK }]);
    core.value(TRACK, value({ group: 1 }));
    const pauses = Array.from({ length: 8 }, () => {
      const action = core.next();
      if (action?.kind !== 'enforce') throw new Error('nothing to enforce');
      core.failed('a', action.value, 'refused', { ...at(0), random: 1 });
      while (core.next()) core.states();
      const pause = core.nextBootMs()!;
      core.tick(at(pause));
      return pause;
    });
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    core.value(TRACK, value({ group: 2 }));
    expect(describeActions(core)).toEqual(['enforce a group 2']);
  });

  it('refuses without touching what is in force, and recovers with the next good value', () => {
    const core = enforced(value({ group: 5, version: 3 }));
    core.refused(TRACK, { group: 6, version: null, reason: 'entries[3] is "x", expected a prefix' }, at(900));
    expect(describeActions(core)).toEqual([
      'acknowledge refused group 6 version null, entries[3] is "x", expected a prefix, at 900',
    ]);
    expect(core.states()[0]).toMatchObject({ phase: 'failed', enforced: { value: { group: 5 } } });
    const good = value({ group: 7, version: 5 });
    core.value(TRACK, good);
    expect(describeActions(core)).toEqual(['enforce a group 7']);
    core.applied('a', good, 1_000);
    expect(describeActions(core)).toEqual(['acknowledge applied group 7 version 5, 2 entries, at 1000']);
  });

  it('never goes back to an older group', () => {
    const core = enforced(value({ group: 5 }));
    core.value(TRACK, value({ group: 4 }));
    core.refused(TRACK, { group: 3, version: null, reason: 'late' }, at(0));
    expect(describeActions(core)).toEqual([]);
  });

  it('skips values that are overtaken while one is under way', () => {
    const core = new AgentCore([{ id: 'a', track: TRACK }]);
    const first = value({ group: 1 });
    core.value(TRACK, first);
    core.next();
    core.value(TRACK, value({ group: 2 }));
    core.value(TRACK, value({ group: 3 }));
    expect(core.next()).toBeNull();
    core.applied('a', first, 10);
    expect(describeActions(core)).toEqual([
      'acknowledge applied group 1 version 1, 2 entries, at 10',
      'enforce a group 3',
    ]);
  });

  it('BUS-43: reports an expiry once, after having looked at the kernel, and the first fresh value ends it', () => {
    const short = value({ group: 5, deadlineBootMs: 2_000, ttlMs: 1_500 });
    const core = enforced(short);
    expect(core.nextBootMs()).toBe(2_000);
    core.tick(at(1_999));
    expect(core.next()).toBeNull();
    core.tick(at(2_000));
    expect(describeActions(core)).toEqual(['enforce a group 5']);
    core.applied('a', short, 2_001);
    expect(describeActions(core)).toEqual(['acknowledge expired group 5 version 1, 2 entries, at 7']);
    expect(core.states()[0]!.phase).toBe('expired');
    core.tick(at(9_000));
    expect([core.next(), core.nextBootMs()]).toEqual([null, null]);
    const fresh = value({ group: 6, deadlineBootMs: 99_000, ttlMs: 90_000 });
    core.value(TRACK, fresh);
    expect(describeActions(core)).toEqual(['enforce a group 6']);
    core.applied('a', fresh, 9_100);
    expect(core.states()[0]!.phase).toBe('enforced');
  });

  it('BUS-49: a renewal keeps the time at which the version took effect', () => {
    const first = value({ group: 5, deadlineBootMs: 2_000, ttlMs: 1_500 });
    const core = enforced(first);
    const renewal = { ...first, group: 6, deadlineBootMs: 3_000 };
    core.value(TRACK, renewal);
    core.next();
    core.applied('a', renewal, 1_000);
    expect(describeActions(core)).toEqual(['acknowledge applied group 6 version 1, 2 entries, at 7']);
    expect(core.nextBootMs()).toBe(3_000);
  });

  it('acknowledges a track with two enforcements when both have it, refused if one has not', () => {
    const core = new AgentCore([
      { id: 'a', track: TRACK },
      { id: 'b', track: TRACK },
    ]);
    const list = value({ group: 5 });
    core.value(TRACK, list);
    expect(describeActions(core)).toEqual(['enforce a group 5']);
    core.applied('a', list, 10);
    expect(describeActions(core)).toEqual(['enforce b group 5']);
    core.failed('b', list, 'refused', at(20));
    expect(describeActions(core)).toEqual(['acknowledge refused group 5 version 1, refused, at 20']);
    core.tick(at(5_000));
    expect(describeActions(core)).toEqual(['enforce b group 5']);
    core.applied('b', list, 30);
    expect(describeActions(core)).toEqual(['acknowledge applied group 5 version 1, 2 entries, at 30']);
  });

  it('says nothing when a verification finds all in place', () => {
    const list = value({ group: 5 });
    const core = enforced(list);
    core.verifyAll();
    expect(describeActions(core)).toEqual(['enforce a group 5']);
    core.applied('a', list, 9_999);
    expect(describeActions(core)).toEqual([]);
  });

  it('enforces nothing of a list that its owner deleted', () => {
    const core = enforced(value({ group: 5 }));
    core.deleted(TRACK, 6);
    const action = core.next();
    expect(action).toMatchObject({ kind: 'enforce', value: { onExpiry: 'unset', deadlineBootMs: 0 } });
    core.tick(at(1));
    expect(core.nextBootMs()).toBeNull();
  });
});

function value(options: Partial<ListValue>): ListValue {
  const sets = parseIpSet(['10.0.0.0/8', '2001:db8::/32']);
  return {
    group: 1,
    version: 1,
    ...sets,
    onExpiry: 'closed',
    deadlineBootMs: null,
    ttlMs: null,
    publishedWallMs: null,
    ...options,
  };
}

function enforced(list: ListValue): AgentCore {
  const core = new AgentCore([{ id: 'a', track: TRACK }]);
  core.value(TRACK, list);
  core.next();
  core.applied('a', list, 7);
  core.next();
  return core;
}

function at(bootMs: number): Now {
  return { bootMs, wallMs: bootMs, random: 0 };
}

/** Takes actions up to and including the first enforcement. */
function describeActions(core: AgentCore): string[] {
  const all: string[] = [];
  for (let action = core.next(); action; action = core.next()) all.push(describeAction(action));
  return all;
}

function describeAction(action: AgentAction): string {
  if (action.kind === 'enforce') return `enforce ${action.id} group ${action.value.group}`;
  const { result, group, version, entries, reason, appliedWallMs } = action.applied;
  return `acknowledge ${result} group ${group} version ${version}, ${reason ?? `${entries} entries`}, at ${appliedWallMs}`;
}
