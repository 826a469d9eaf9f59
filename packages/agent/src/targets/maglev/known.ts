import type { Numbering } from './ids.js';
import type { DesiredBalancer, DesiredService } from './model.js';
import { type ActualBalancer, type Plan, type PlanOptions, planBalancer, planSlots } from './plan.js';
import { sameStructure } from './same.js';
import { type Surroundings, sameSurroundings } from './surroundings.js';

/** What is in force, as far as this process knows. */
export interface Known {
  /** Its generation is the one that nothing but our own transactions led to. */
  readonly actual: ActualBalancer;
  readonly services: ReadonlyMap<string, DesiredService>;
  readonly numbering: Numbering;
  readonly surroundings: Surroundings;
}

/** Services whose table is another than the one that is in force. */
export function changedServices(desired: DesiredBalancer, { services }: Known): DesiredService[] {
  return desired.services.filter((service) => services.get(service.id)?.table !== service.table);
}

/** The way from what is known to what is wanted: by slots alone, if nothing else differs. */
export function planFrom(desired: DesiredBalancer, known: Known, options: PlanOptions): Plan {
  const { actual, services, numbering } = known;
  const { ruleset, structure } = actual;
  const same = (service: DesiredService) => {
    const before = services.get(service.id);
    return before !== undefined && sameStructure(before, service);
  };
  const unmoved = sameSurroundings(known.surroundings, options.surroundings);
  if (
    ruleset &&
    structure !== null &&
    unmoved &&
    services.size === desired.services.length &&
    desired.services.every(same)
  ) {
    const plan = planSlots(changedServices(desired, known), numbering, { ...actual, ruleset, structure }, options);
    if (plan) return plan;
  }
  return planBalancer(desired, actual, options);
}
