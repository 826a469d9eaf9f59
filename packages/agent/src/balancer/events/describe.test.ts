import { expect, it } from 'vitest';
import type { BalancerEvent } from '../core/events.js';
import { describeEvent, EVENT_KINDS } from './describe.js';

const POOL = { owner: 'local', loadBalancer: 'lobby', pool: 'web', family: 6 } as const;
const MEMBER = { ...POOL, member: 'web1' };
const ENDS_WALL_MS = Date.UTC(2026, 5, 30);

type Occurrence<Event = BalancerEvent> = Event extends unknown ? Omit<Event, 'atWallMs' | 'severity'> : never;

const CASES: readonly (readonly [Occurrence, string])[] = [
  [
    {
      kind: 'member',
      ...MEMBER,
      address: 'fd00::1',
      port: 80,
      from: 'ejected',
      to: 'active',
      reason: null,
      restoreAtWallMs: null,
    },
    'member web1 of pool local/lobby/web (IPv6) at [fd00::1]:80 turned from ejected to active',
  ],
  [
    { kind: 'pool', ...POOL, from: 'normal', to: 'fail-open' },
    'pool local/lobby/web (IPv6) turned from normal service to all members, since none is well',
  ],
  [
    {
      ...{ kind: 'direct-return-failed', ...MEMBER, listener: 'dns', address: 'fd00::1' },
      reason: 'virtual-address-absent: fd09::9 is not there',
    },
    'member web1 of pool local/lobby/web (IPv6) at fd00::1 is not set up for listener dns: virtual-address-absent: fd09::9 is not there',
  ],
  [
    { kind: 'direct-return-restored', ...MEMBER, listener: 'dns', address: 'fd00::1' },
    'member web1 of pool local/lobby/web (IPv6) at fd00::1 is set up for listener dns',
  ],
  [
    { kind: 'drain-progress', ...MEMBER, connections: 3, endsAtWallMs: null },
    'member web1 of pool local/lobby/web (IPv6) drains, 3 connections are left',
  ],
  [
    { kind: 'flows-cut', ...MEMBER, service: 'a', flows: 2 },
    '2 flows to member web1 of pool local/lobby/web (IPv6) were ended',
  ],
  [{ kind: 'configuration-applied', source: 'lobby.conf', revision: 2 }, 'revision 2 of lobby.conf is in force'],
  [
    { kind: 'configuration-refused', source: 'lobby.conf', reason: 'lobby.conf:3: unknown key' },
    'lobby.conf is refused, the one before stays in force: lobby.conf:3: unknown key',
  ],
  [
    { kind: 'configuration-stale', source: 'the bus', reason: 'no relay', ageMs: 61_400 },
    'the bus is out of reach, what is in force is 61 s old: no relay',
  ],
  [{ kind: 'configuration-fresh', source: 'the bus' }, 'the bus is in reach again'],
  [{ kind: 'kernel-failed', reason: 'EPERM' }, 'the kernel did not take the newest state, the one before stays: EPERM'],
  [{ kind: 'kernel-recovered' }, 'the kernel has the newest state again'],
  [{ kind: 'kernel-drift', findings: ['a', 'b'] }, 'others changed what is ours, it is put right: a; b'],
  [{ kind: 'conntrack-high', entries: 90, entriesMax: 100 }, 'connection tracking is nearly full: 90 of 100 entries'],
  [{ kind: 'conntrack-normal', entries: 70, entriesMax: 100 }, 'connection tracking has room again: 70 of 100 entries'],
  [
    { kind: 'certificate-ending', ...MEMBER, endsAtWallMs: ENDS_WALL_MS },
    'the certificate of member web1 of pool local/lobby/web (IPv6) ends on 2026-06-30T00:00:00.000Z',
  ],
  [
    { kind: 'name-stale', host: 'a.example', reason: 'no answer', kept: ['10.0.0.1'] },
    "a.example can't be resolved, 10.0.0.1 stays in use: no answer",
  ],
  [
    { kind: 'name-stale', host: 'a.example', reason: 'no answer', kept: [] },
    "a.example can't be resolved, and never was: no answer",
  ],
  [{ kind: 'name-resolved', host: 'a.example', addresses: ['10.0.0.1'] }, 'a.example is 10.0.0.1'],
];

it('LOB-62: says of every kind of events what happened', () => {
  for (const [occurrence, sentence] of CASES) {
    expect(describeEvent({ atWallMs: 0, severity: 'info', ...occurrence })).toBe(sentence);
  }
  expect(new Set(CASES.map(([{ kind }]) => kind))).toEqual(new Set(EVENT_KINDS));
});
