import type { MarkedRoute } from '@higgins/netlink';
import { addLinkReturn, addRoutedReturn, routesOf } from './dsr.js';
import { type Numbering, servingMarks, slotMarks } from './ids.js';
import { addMirrors } from './mirror.js';
import type { DesiredService } from './model.js';
import { SHARED } from './names.js';
import { addNat } from './nat.js';
import { addProbeAnswers } from './probe-answers.js';
import { type Ruleset, RulesetBuilder } from './ruleset.js';
import type { PlacedService } from './selection.js';
import type { Surroundings } from './surroundings.js';
import { trialContents } from './trial.js';

/** Which of its two slot maps a service uses, and how many slots that has. */
export interface Placement {
  readonly size: number;
  readonly generation: 0 | 1;
}

/** What is to stand in the kernel. */
export interface Compiled {
  readonly ruleset: Ruleset;
  /** Routes that marks lead to. */
  readonly routes: readonly MarkedRoute[];
}

/** The whole ruleset of these services, contents of slot maps included. Pure: the same input is the same text. */
export function compileRuleset(
  services: readonly DesiredService[],
  numbering: Numbering,
  surroundings: Surroundings,
  placementOf: (service: DesiredService) => Placement,
): Compiled {
  const builder = new RulesetBuilder();
  const inet = builder.table('inet');
  inet.set('set', SHARED.structure, 'type mark . mark;', 'packets');
  inet.set('set', SHARED.readback, 'type mark . mark;', 'packets');
  inet.rule(SHARED.refuse, 'meta l4proto tcp reject with tcp reset', 'reject');
  const placed = services.map((service) => placeService(service, numbering, placementOf(service)));
  const on = (path: DesiredService['dataPath']) => placed.filter(({ service }) => service.dataPath === path);
  addNat(inet, on('nat'));
  addRoutedReturn(inet, on('dsr-l3'));
  if (on('dsr-l2').length > 0) addLinkReturn(builder.table('netdev'), on('dsr-l2'), surroundings);
  addProbeAnswers(inet, services);
  addMirrors(builder, services);
  return { ruleset: builder.build(), routes: routesOf(on('dsr-l3'), surroundings) };
}

/** A service with its contents; the same object as before while nothing of it has changed. */
export function placeService(service: DesiredService, numbering: Numbering, placement: Placement): PlacedService {
  const members = numbering.get(service.id)!;
  const { size, generation } = placement;
  const known = PLACED.get(service);
  if (known?.members === members && known.size === size && known.generation === generation) return known;
  const placed: PlacedService = {
    ...{ service, members, size, generation },
    slots: { kind: 'slots', marks: slotMarks(service, members, size) },
    serving: { kind: 'marks', marks: servingMarks(service, members) },
    trial: service.trial && trialContents(service.trial, members, size),
  };
  PLACED.set(service, placed);
  return placed;
}

const PLACED = new WeakMap<DesiredService, PlacedService>();
