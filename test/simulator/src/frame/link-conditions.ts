import type { Link, LinkOptions, MemoryNetwork } from '@higgins/transport';
import type { LinkFault } from './fault.js';

/** What is wrong with each link now: faults may overlap, and each ends alone. */
export class LinkConditions {
  readonly #network: MemoryNetwork;
  readonly #links = new Map<string, Condition>();

  constructor(network: MemoryNetwork) {
    this.#network = network;
  }

  begin(fault: LinkFault): void {
    for (const [from, to] of directionsOf(fault)) {
      const condition = this.#condition(from, to);
      condition.faults.push(fault);
      apply(condition);
    }
  }

  end(fault: LinkFault): void {
    for (const [from, to] of directionsOf(fault)) {
      const condition = this.#condition(from, to);
      const index = condition.faults.indexOf(fault);
      if (index < 0) continue;
      condition.faults.splice(index, 1);
      apply(condition);
    }
  }

  /** Nothing is wrong any more. Links that are blocked stay so. */
  clear(): void {
    for (const { link, usual, faults } of this.#links.values()) {
      faults.length = 0;
      link.configure(usual);
    }
  }

  #condition(from: string, to: string): Condition {
    const key = `${from}>${to}`;
    let condition = this.#links.get(key);
    if (condition === undefined) {
      const link = this.#network.link(from, to);
      condition = { link, usual: link.options, faults: [] };
      this.#links.set(key, condition);
    }
    // What somebody configured while nothing was wrong is what the link is like.
    if (condition.faults.length === 0) condition.usual = condition.link.options;
    return condition;
  }
}

interface Condition {
  readonly link: Link;
  usual: LinkOptions;
  readonly faults: LinkFault[];
}

function apply({ link, usual, faults }: Condition): void {
  const { mtuBytes, ...options } = faults.reduce(worsened, usual);
  link.configure(options);
  link.setMtu(mtuBytes);
  if (faults.some(({ kind }) => kind === 'partition')) link.block();
  else link.unblock();
}

function directionsOf(fault: LinkFault): readonly (readonly [string, string])[] {
  const { left, right } = fault;
  const there = [left, right] as const;
  return fault.kind === 'partition' && fault.ways === 'left-to-right' ? [there] : [there, [right, left]];
}

function worsened(options: LinkOptions, fault: LinkFault): LinkOptions {
  switch (fault.kind) {
    case 'loss':
      return { ...options, lossRate: eitherOf(options.lossRate, fault.rate) };
    case 'reordering':
      return { ...options, reorderRate: eitherOf(options.reorderRate, fault.rate) };
    case 'bandwidth':
      return { ...options, bytesPerSecond: Math.min(options.bytesPerSecond, fault.bytesPerSecond) };
    case 'delay':
      return {
        ...options,
        latencyMs: options.latencyMs + fault.latencyMs,
        jitterMs: options.jitterMs + fault.jitterMs,
      };
    case 'mtu':
      return { ...options, mtuBytes: Math.min(options.mtuBytes, fault.bytes) };
    default:
      return options;
  }
}

function eitherOf(left: number, right: number): number {
  return left === 0 ? right : 1 - (1 - left) * (1 - right);
}
