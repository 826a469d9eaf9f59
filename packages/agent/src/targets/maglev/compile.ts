import { type Numbering, servingMarks, slotMarks } from './ids.js';
import type { DesiredService } from './model.js';
import { SHARED } from './names.js';
import { addNat } from './nat.js';
import { type Ruleset, RulesetBuilder } from './ruleset.js';
import type { PlacedService } from './selection.js';

/** Which of its two slot maps a service uses, and how many slots that has. */
export interface Placement {
  readonly size: number;
  readonly generation: 0 | 1;
}

/** The whole ruleset of these services, contents of slot maps included. Pure: the same input is the same text. */
export function compileRuleset(
  services: readonly DesiredService[],
  numbering: Numbering,
  placementOf: (service: DesiredService) => Placement,
): Ruleset {
  const builder = new RulesetBuilder();
  const inet = builder.table('inet');
  inet.set('set', SHARED.structure, 'type mark . mark;', 'packets');
  inet.set('set', SHARED.readback, 'type mark . mark;', 'packets');
  inet.rule(SHARED.refuse, 'meta l4proto tcp reject with tcp reset', 'reject');
  const placed = services.map((service) => placeService(service, numbering, placementOf(service)));
  addNat(
    inet,
    placed.filter(({ service }) => service.dataPath === 'nat'),
  );
  return builder.build();
}

/** A service with its contents. */
export function placeService(
  service: DesiredService,
  numbering: Numbering,
  { size, generation }: Placement,
): PlacedService {
  const members = numbering.get(service.id)!;
  return {
    ...{ service, members, size, generation },
    slots: { kind: 'slots', marks: slotMarks(service, members, size) },
    serving: { kind: 'marks', marks: servingMarks(service, members) },
  };
}
