import type { DesiredService } from '@higgins/agent/portable';
import { FIVE_TUPLE_KEY } from '@higgins/balancing';
import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import type { NodePools } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { VirtualDataPath } from '../programs/balancer-kernel.js';
import { balancersConverge } from './balancers-converge.js';
import { type BalancerView, poolsFollowLocalHealth } from './pools-follow-local-health.js';
import { slotsAgree } from './slots-agree.js';

const BOUNDS = { outMs: 4_000, inMs: 8_000, repairMs: 3_000 };
const ADDRESSES = { a: '10.0.0.1', b: '10.0.0.2', c: '10.0.0.3' } as const;
type Name = keyof typeof ADDRESSES;

describe('pools-follow-local-health', () => {
  it('accepts slots that follow what is true within the bounds', () => {
    const { invariant, kernel, truth } = setUp(['a', 'b']);
    walk(invariant, 0, 20_000);
    truth.dead.add('b');
    walk(invariant, 20_000, 23_900);
    serve(kernel, ['a']);
    walk(invariant, 23_900, 40_000);
    truth.dead.delete('b');
    walk(invariant, 40_000, 47_900);
    serve(kernel, ['a', 'b']);
    expect(() => walk(invariant, 47_900, 80_000)).not.toThrow();
  });

  it('catches slots of a member that has not answered for longer', () => {
    const { invariant, truth } = setUp(['a', 'b']);
    truth.dead.add('b');
    expect(() => walk(invariant, 0, 5_000)).toThrow(/has slots for b, which has not answered for 41\d\d ms/);
  });

  it('catches a member without slots that has answered all the time', () => {
    const { invariant, kernel } = setUp(['a', 'b']);
    walk(invariant, 0, 20_000);
    serve(kernel, ['a']);
    expect(() => walk(invariant, 20_000, 20_200)).toThrow(/has no slots for b, which has answered for/);
  });

  it('asks nothing of a balancer that is not able, nor of one that has just become so', () => {
    const { invariant, truth } = setUp(['a', 'b']);
    truth.dead.add('b');
    truth.able = false;
    walk(invariant, 0, 60_000);
    truth.able = true;
    expect(() => walk(invariant, 60_000, 63_900)).not.toThrow();
    expect(() => walk(invariant, 63_900, 64_300)).toThrow(/has slots for b/);
  });

  it('says nothing of a member of which nobody knows whether checks get through', () => {
    const { invariant, truth } = setUp(['a', 'b']);
    truth.open.add('b');
    expect(() => walk(invariant, 0, 60_000)).not.toThrow();
  });

  it('lets everybody serve where a pool fails open and nobody is well, and catches one without slots', () => {
    const { invariant, kernel, truth } = setUp(['a', 'b'], true);
    for (const name of ['a', 'b', 'c'] as const) truth.dead.add(name);
    expect(() => walk(invariant, 0, 60_000)).not.toThrow();
    serve(kernel, []);
    expect(() => walk(invariant, 60_000, 60_200)).toThrow(/fails open, and has no slots/);
  });

  it('catches services that are gone, unless the node cannot know them', () => {
    const { invariant, kernel } = setUp(['a', 'b', 'c']);
    walk(invariant, 0, 10_000);
    kernel.flush();
    expect(() => walk(invariant, 10_000, 12_900)).not.toThrow();
    expect(() => walk(invariant, 12_900, 14_000)).toThrow(/balances nothing for 31\d\d ms/);
    invariant.observe!({ kind: 'forgot', node: 'n1' }, 14_000);
    expect(() => walk(invariant, 14_000, 30_000)).not.toThrow();
  });
});

describe('slots-agree', () => {
  it('accepts the same slots, and others for other members', () => {
    const kernels = [newKernel('n1'), newKernel('n2')] as const;
    const invariant = slotsAgree(viewsOf(kernels));
    serve(kernels[0], ['a', 'b']);
    serve(kernels[1], ['a', 'b']);
    expect(() => invariant.check!(0)).not.toThrow();
    serve(kernels[1], ['a', 'c']);
    expect(() => invariant.check!(1)).not.toThrow();
  });

  it('catches other slots for the same members, also at another time, and another hash', () => {
    for (const other of [{ turned: true }, { seed: 8 }]) {
      const kernels = [newKernel('n1'), newKernel('n2')] as const;
      const invariant = slotsAgree(viewsOf(kernels));
      serve(kernels[0], ['a', 'b']);
      invariant.check!(0);
      serve(kernels[0], ['a']);
      serve(kernels[1], ['a', 'b'], other);
      expect(() => invariant.check!(1)).toThrow(/n2 has other slots than n1 for web with a b/);
    }
  });
});

describe('balancers-converge', () => {
  const author = { version: 3, versionIn: () => 3, membersOf: () => [{ name: 'a', address: ADDRESSES.a }] };

  it('holds once the newest version, its members and what is told agree', () => {
    const kernel = newKernel('n1');
    serve(kernel, ['a']);
    const invariant = balancersConverge(viewsOf([kernel]), author, new Map([['n1', toldOf(['a'])]]));
    expect(invariant.holds()).toBe(true);
    expect(() => invariant.finish!(0)).not.toThrow();
  });

  it('catches an older version, a member that gets nothing, and a bus that knows otherwise', () => {
    const kernel = newKernel('n1');
    serve(kernel, ['a']);
    const told = new Map([['n1', toldOf(['a'])]]);
    const finish = (changed: object, heard: ReadonlyMap<string, NodePools> = told) =>
      balancersConverge(viewsOf([kernel]), { ...author, ...changed }, heard).finish!(0);
    expect(() => finish({ versionIn: () => 2 })).toThrow('n1 has version 2, expected 3');
    expect(() => finish({ membersOf: () => [{ name: 'b', address: ADDRESSES.b }] })).toThrow(
      'n1 sends nothing of web to b',
    );
    expect(() => finish({}, new Map())).toThrow('the bus says of n1: nothing');
    expect(() => finish({}, new Map([['n1', toldOf([])]]))).toThrow('the bus says of n1:  serve in web, expected a');
  });
});

function setUp(names: readonly Name[], failsOpen = false) {
  const truth = { able: true, dead: new Set<Name>(names.includes('c') ? [] : ['c']), open: new Set<Name>() };
  const kernel = newKernel('n1');
  serve(kernel, names);
  const nameOf = (address: string) => (Object.keys(ADDRESSES) as Name[]).find((name) => ADDRESSES[name] === address)!;
  const view: BalancerView = {
    ...{ node: 'n1', kernel },
    able: () => truth.able,
    reaches: (address) => (truth.open.has(nameOf(address)) ? null : !truth.dead.has(nameOf(address))),
    failsOpen: () => failsOpen,
  };
  return { truth, kernel, invariant: poolsFollowLocalHealth([view], BOUNDS) };
}

/** Judges every tenth of a second. */
function walk(invariant: ReturnType<typeof poolsFollowLocalHealth>, fromMs: number, untilMs: number): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 100) invariant.check!(nowMs);
}

function newKernel(name: string): VirtualDataPath {
  return new VirtualDataPath(new VirtualMachine(new VirtualWorld({ seed: 1 }), { name }));
}

function viewsOf(kernels: readonly VirtualDataPath[]) {
  return kernels.map((kernel, index) => ({ node: `n${index + 1}`, kernel }));
}

function serve(kernel: VirtualDataPath, names: readonly Name[], { seed = 7, turned = false } = {}): void {
  const slots = Uint16Array.from(names.flatMap((_, index) => [index, index]));
  const table = { members: [...names], slots: turned ? slots.toReversed() : slots };
  const members = Object.entries(ADDRESSES).map(([name, address]) => [name, { address, port: 80 }] as const);
  const choice = { kind: 'hash', key: FIVE_TUPLE_KEY, seed, size: Math.max(slots.length, 1) } as const;
  // What the kernel does not look at here is left out.
  kernel.replace({ services: [{ id: 'web', choice, table, members: new Map(members) } as unknown as DesiredService] });
}

function toldOf(names: readonly string[]): NodePools {
  const members = names.map((name) => ({
    ...{ name, address: '10.0.0.1', port: 80, status: 'active' as const, reason: null },
    ...{ sinceWallMs: 0, restoreWallMs: null },
  }));
  return { pools: [{ name: 'web', family: 4, serving: 'normal', members }] };
}
