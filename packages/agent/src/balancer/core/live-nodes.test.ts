import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NODE_GONE_MS } from './limits.js';
import { LiveNodes, partOf } from './live-nodes.js';
import type { Now } from './now.js';

const GATEWAY = 'acme/shop';
const NAMES = ['n1', 'n2', 'n3'];

describe('L4-43: nodes of the PoP', () => {
  it('counts a node as soon as it is heard, and no more once its state has ended', () => {
    const nodes = nodesOf('n2');
    expect(nodes.shareOf(GATEWAY)).toEqual({ nodes: 1, position: 0 });
    nodes.bus(true, at(0));
    expect(nodes.heard(GATEWAY, 'n1', true, at(1))).toBe(true);
    expect(nodes.heard(GATEWAY, 'n1', true, at(2))).toBe(false);
    nodes.heard(GATEWAY, 'n3', true, at(3));
    expect(nodes.shareOf(GATEWAY)).toEqual({ nodes: 3, position: 1 });
    nodes.heard(GATEWAY, 'n1', false, at(5_000));
    expect(nodes.nextBootMs()).toBe(5_000 + NODE_GONE_MS);
    expect(nodes.advance(at(4_999 + NODE_GONE_MS))).toEqual([]);
    expect(nodes.advance(at(5_000 + NODE_GONE_MS))).toEqual([GATEWAY]);
    expect(nodes.shareOf(GATEWAY)).toEqual({ nodes: 2, position: 0 });
    expect(nodes.nextBootMs()).toBeNull();
  });

  it('keeps the last count while the bus is gone, and gives it time to tell what is newest when it is back', () => {
    const nodes = nodesOf('n1');
    nodes.bus(true, at(0));
    for (const name of ['n2', 'n3']) nodes.heard(GATEWAY, name, true, at(0));
    nodes.bus(false, at(1_000));
    for (const name of ['n2', 'n3']) nodes.heard(GATEWAY, name, false, at(2_000));
    expect(nodes.nextBootMs()).toBeNull();
    expect(nodes.advance(at(86_400_000))).toEqual([]);
    expect(nodes.shareOf(GATEWAY).nodes).toBe(3);
    nodes.bus(true, at(86_400_000));
    expect(nodes.nextBootMs()).toBe(86_400_000 + NODE_GONE_MS);
    nodes.heard(GATEWAY, 'n2', true, at(86_400_100));
    nodes.advance(at(86_400_000 + NODE_GONE_MS));
    expect(nodes.shareOf(GATEWAY).nodes).toBe(2);
  });

  it('goes on with the last count after a restart, and listens to no node that is not of the PoP', () => {
    const nodes = nodesOf('n1');
    nodes.bus(true, at(0));
    nodes.heard(GATEWAY, 'n3', true, at(0));
    expect(nodes.heard(GATEWAY, 'stranger', true, at(0))).toBe(false);
    expect(nodes.heard(GATEWAY, 'n1', true, at(0))).toBe(false);
    expect(nodes.saved()).toEqual([{ gateway: GATEWAY, nodes: ['n3'] }]);
    const again = new LiveNodes('n1', NAMES, nodes.saved(), at(10));
    expect(again.shareOf(GATEWAY).nodes).toBe(2);
    expect(again.advance(at(86_400_000))).toEqual([]);
    expect(new LiveNodes('n1', ['n1', 'n2'], nodes.saved(), at(10)).shareOf(GATEWAY).nodes).toBe(1);
  });

  it('forgets gateways that are gone, and tells gateways apart', () => {
    const nodes = nodesOf('n1');
    nodes.heard(GATEWAY, 'n2', true, at(0));
    expect(nodes.shareOf('acme/other').nodes).toBe(1);
    nodes.retain(new Set(['acme/other']));
    expect(nodes.shareOf(GATEWAY).nodes).toBe(1);
  });
});

it('L4-43: parts add up to the limit of the PoP, and nobody has less than one connection a second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 64 }), (limit, nodes) => {
      const parts = Array.from({ length: nodes }, (_, position) => partOf(limit, { nodes, position }));
      expect(parts.reduce((sum, part) => sum + part)).toBe(Math.max(limit, nodes));
      expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(1);
    }),
  );
  expect(partOf(null, { nodes: 3, position: 0 })).toBeNull();
});

function nodesOf(self: string): LiveNodes {
  return new LiveNodes(self, NAMES, [], at(0));
}

function at(bootMs: number): Now {
  return { bootMs, wallMs: 1_000_000 + bootMs };
}
