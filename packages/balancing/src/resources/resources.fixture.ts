import { readConfiguration } from './core-form.js';
import { problemText, ResourceError } from './problem.js';
import type { ValidationOptions } from './validate.js';

/** A change of a document's value at a path; `undefined` removes it. */
export type Change = readonly [path: readonly (string | number)[], value: unknown];

/** A deep copy with changes; maps and lists on the way must exist. */
export function changed<T>(document: T, ...changes: readonly Change[]): T {
  const copy = structuredClone(document);
  for (const [path, value] of changes) {
    let node = copy as Record<string | number, unknown>;
    for (const key of path.slice(0, -1)) node = node[key] as Record<string | number, unknown>;
    const last = path.at(-1)!;
    if (value === undefined) delete node[last];
    else node[last] = value;
  }
  return copy;
}

/** What a reader refuses, as text; empty if it accepts. */
export function refusals(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ResourceError) return error.problems.map(problemText);
    throw error;
  }
}

/** A small configuration of the core's own form that holds all rules. */
export function coreDocument() {
  return {
    loadBalancers: [
      {
        name: 'web',
        addresses: ['192.0.2.10', '2001:db8::10'],
        listeners: [
          { name: 'https', protocol: 'tcp', port: 443, rules: [{ pool: 'servers' }] },
          { name: 'dns', protocol: 'udp', port: 53, rules: [{ pool: 'resolvers' }] },
        ],
        pools: [
          {
            name: 'servers',
            activeCheck: { type: 'tcp' },
            members: [
              { name: 'a', host: '10.0.0.11', port: 443 },
              { name: 'b', host: '10.0.0.12', port: 443 },
              { name: 'c', host: 'servers.example.org', port: 443 },
            ],
          },
          { name: 'resolvers', members: [{ name: 'a', host: 'ns.example.org', port: 5353 }] },
        ],
      },
    ],
  };
}

/** What `readConfiguration` refuses in the small configuration with changes below its load balancer. */
export function coreRefusals(changes: readonly Change[], options: ValidationOptions = {}): string[] {
  const inside = changes.map(([path, value]): Change => [['loadBalancers', 0, ...path], value]);
  return refusals(() => readConfiguration(changed(coreDocument(), ...inside), options)).map((text) =>
    text.replace('loadBalancers[0].', ''),
  );
}
