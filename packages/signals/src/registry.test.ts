import { describe, expect, it } from 'vitest';
import {
  applied,
  gatewayConfiguration,
  nodePools,
  organisationList,
  parsePath,
  platformList,
  publisherHeartbeat,
  registry,
  signalOf,
} from './index.js';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

describe('registry', () => {
  it.each([
    ['organisation-list', 'org/{org}/lists/{list}', 'state', 8 * HOUR, DAY, 'unset', 7 * DAY],
    ['platform-list', 'platform/lists/{list}', 'state', 8 * HOUR, DAY, 'unset', 7 * DAY],
    ['applied', 'platform/applied/pop/{pop}', 'map', 30 * SECOND, 120 * SECOND, 'hold', 30 * DAY],
    ['node-pools', 'org/{org}/l4lb/{gateway}/nodes/{node}/pool', 'state', 30 * SECOND, 120 * SECOND, 'hold', 30 * DAY],
    ['gateway-configuration', 'org/{org}/l4lb/{gateway}/desired', 'state', 8 * HOUR, DAY, 'hold', 30 * DAY],
    ['publisher-heartbeat', 'platform/publisher/{id}', 'state', 5 * SECOND, 20 * SECOND, 'hold', DAY],
  ] as const)('BUS-04: has %s with its defaults', (id, pattern, shape, renewalMs, ttlMs, onExpiry, retentionMs) => {
    const row = registry.find((candidate) => candidate.id === id);
    expect(row).toMatchObject({ pattern, shape, renewalMs, ttlMs, onExpiry, retentionMs });
    expect(row?.writer).not.toBe('');
    expect(row?.consumers).not.toHaveLength(0);
  });

  it('BUS-04: has rows with bounds that fit together', () => {
    for (const row of registry) {
      expect(row.ttlMsMin).toBeLessThanOrEqual(row.ttlMs);
      expect(row.ttlMs).toBeLessThanOrEqual(row.ttlMsMax);
      expect(row.renewalMs * 3).toBeLessThanOrEqual(row.ttlMs);
      expect(row.pattern).toMatch(/^(platform|org\/\{org\})\//);
    }
    expect(new Set(registry.map((row) => row.id)).size).toBe(registry.length);
  });

  it('BUS-05: gives every track to one signal at most', () => {
    const tracks = [
      [organisationList, organisationList.name({ org: 'acme', list: 'blocked' })],
      [platformList, platformList.name({ list: 'threats' }, 'canary')],
      [applied, applied.name({ pop: 'fra1' })],
      [publisherHeartbeat, publisherHeartbeat.name({ id: 'p1' })],
      [nodePools, nodePools.name({ org: 'acme', gateway: 'web', node: 'n1' })],
      [gatewayConfiguration, gatewayConfiguration.name({ org: 'acme', gateway: 'web' })],
    ] as const;
    for (const [signal, name] of tracks) {
      expect(signalOf(name)).toBe(signal);
      expect(registry.filter((row) => row.params(name) !== null)).toEqual([signal]);
    }
    expect(signalOf(parsePath('platform/weather/fra1'))).toBeNull();
    expect(signalOf(parsePath('org/acme/lists/a/b'))).toBeNull();
  });

  it('BUS-05: keeps parameters from leaving their segment', () => {
    expect(() => organisationList.name({ org: 'acme/lists', list: 'x' })).toThrow(
      expect.objectContaining({ name: 'NameError', code: 'NOT_A_CIDR', index: 1 }),
    );
    expect(() => organisationList.name({ org: 'acme', list: '' })).toThrow(
      expect.objectContaining({ code: 'EMPTY', index: 3 }),
    );
  });
});

describe('publisher heartbeat', () => {
  it('round-trips', () => {
    const value = { instance: 'a1b2', startedWallMs: 1_789_000_000_000, tracks: 12 };
    expect(publisherHeartbeat.decode(publisherHeartbeat.encode(value))).toEqual(value);
  });
});
