import type { BalancerConfiguration } from '@higgins/balancing';
import { VirtualMachine, VirtualWorld } from '@higgins/runtime';
import { describe, expect, it } from 'vitest';
import type { DesiredBalancer } from '../../targets/maglev/model.js';
import type { BalancerTarget } from '../core/contract.js';
import { configuration, member, pool } from '../core/driver.fixture.js';
import type { BalancerEvent } from '../core/events.js';
import { BalancerNode } from './balancer-node.js';
import type { DesiredObserver, DesiredSource } from './desired-source.js';

describe('BalancerNode', () => {
  it('L4-76: tries a configuration of its source again that the kernel refused, until the kernel takes it', async () => {
    const { world, tell, kernel, events } = await started(of('a', 'b'));
    kernel.refusal = 'the ruleset is locked';
    tell(of('a'));
    await world.runFor(20_000);
    expect(kernel.members()).toBe('a b');
    expect(events.filter(({ kind }) => kind === 'configuration-refused').length).toBeGreaterThan(2);
    kernel.refusal = null;
    await world.runFor(31_000);
    expect(kernel.members()).toBe('a');
  });

  it('L4-76: puts in force what was under way when it died, without going back to the one before', async () => {
    const { kernel } = await started(null, { last: of('a', 'b'), underWay: of('a') });
    expect(kernel.history).toEqual(['a']);
  });

  it('goes back to the one before if the kernel refuses what was under way, and insists', async () => {
    const kernel = new Kernel();
    kernel.refuses = 'a';
    const { world } = await started(null, { last: of('a', 'b'), underWay: of('a'), kernel });
    expect(kernel.members()).toBe('a b');
    kernel.refuses = null;
    await world.runFor(31_000);
    expect(kernel.members()).toBe('a');
  });

  it('does not go back to one that was refused once a newer one has come', async () => {
    const { world, tell, kernel } = await started(of('a', 'b'));
    kernel.refusal = 'the ruleset is locked';
    tell(of('a'));
    await world.runFor(100);
    kernel.refusal = null;
    tell(of('c'));
    await world.runFor(60_000);
    expect(kernel.history.slice(1)).toEqual(['c']);
  });

  it('leaves the kernel empty after a flush, whatever was refused before it', async () => {
    const { world, tell, kernel, balancer } = await started(of('a', 'b'));
    kernel.refusal = 'the ruleset is locked';
    tell(of('a'));
    await world.runFor(100);
    kernel.refusal = null;
    await world.runUntilSettled(balancer.control.flush(), 1_000);
    await world.runFor(60_000);
    expect(kernel.members()).toBe('');
  });
});

class Kernel implements BalancerTarget {
  refusal: string | null = null;
  /** Members that it does not take, as `members` names them. */
  refuses: string | null = null;
  readonly history: string[] = [];
  #desired: DesiredBalancer = { services: [] };

  members(): string {
    return membersOf(this.#desired);
  }

  async apply(desired: DesiredBalancer) {
    if (this.refusal !== null) throw new Error(this.refusal);
    if (membersOf(desired) === this.refuses) throw new Error('these not');
    this.#desired = desired;
    if (this.history.at(-1) !== this.members()) this.history.push(this.members());
    return { transactions: 1, structure: true, appliedBootMs: 0 };
  }

  async verify() {
    return [];
  }

  async counters() {
    return [];
  }

  async connections() {
    return 0;
  }

  async cut() {
    return 0;
  }

  async flush() {
    this.#desired = { services: [] };
  }
}

/** A source that says each thing once. */
class Source implements DesiredSource {
  readonly name = 'org/acme/l4lb/shop/desired';
  readonly heardWallMs = null;
  observer: DesiredObserver | null = null;
  readonly underWay: BalancerConfiguration | null;
  readonly #last: BalancerConfiguration | null;

  constructor(last: BalancerConfiguration | null, underWay: BalancerConfiguration | null) {
    this.#last = last;
    this.underWay = underWay;
  }

  async open() {
    return this.#last;
  }

  start(observer: DesiredObserver) {
    this.observer = observer;
  }

  async reread(): Promise<BalancerConfiguration> {
    throw new Error('nothing was received yet');
  }

  applied() {
    // Nothing is kept.
  }

  async [Symbol.asyncDispose]() {
    // Nothing is held.
  }
}

interface Before {
  readonly last?: BalancerConfiguration;
  readonly underWay?: BalancerConfiguration;
  readonly kernel?: Kernel;
}

async function started(first: BalancerConfiguration | null, before: Before = {}) {
  const { last = null, underWay = null, kernel = new Kernel() } = before;
  const world = new VirtualWorld({ seed: 1 });
  const runtime = new VirtualMachine(world, { name: 'n1' }).start();
  const source = new Source(last, underWay);
  const nothing = () => undefined;
  const opening = BalancerNode.open({
    ...{ node: 'n1', runtime, source, bus: null, target: kernel },
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    checker: { run: async () => ({ ok: true, latencyMs: 1, reason: null }) },
    resolver: { resolve: () => Promise.reject(new Error('there is no name server')) },
  });
  const balancer = await world.runUntilSettled(opening, 1_000);
  const events: BalancerEvent[] = [];
  balancer.hub.listen((event) => events.push(event));
  balancer.start();
  const tell = (wanted: BalancerConfiguration) => source.observer!.changed(wanted);
  if (first !== null) tell(first);
  await world.runFor(1_000);
  return { world, balancer, kernel, tell, events };
}

function membersOf({ services }: DesiredBalancer): string {
  return services.map(({ table }) => table.members.join(' ')).join('; ');
}

/** A pool of these members, which nobody checks. */
function of(...names: readonly string[]): BalancerConfiguration {
  return configuration(
    pool(
      names.map((name) => member(name)),
      { activeCheck: null },
    ),
  );
}
