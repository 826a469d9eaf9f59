import type { Content } from './contents.js';
import { headerOf } from './dispatch.js';
import { type NumberedMember, slotMarks } from './ids.js';
import type { Trial } from './model.js';
import { markText, namesOf, SHARED } from './names.js';
import type { TableBuilder } from './ruleset.js';
import { type PlacedService, refuseRule, slotOf } from './selection.js';

/**
 * How long a flow keeps its place unless its end is seen before: a flow whose end nobody sees must not hold back a trial
 * for good.
 */
const PLACE_SECONDS = 60;
/** The first packet by which either side ends a connection. */
const END = 'tcp flags & (fin | rst) != 0';

/**
 * Members on trial have as many places as they may have connections at a time: a flow that finds none goes to another
 * member. A set of that size holds the flows, since `ct count` would go on counting those that went elsewhere. Returns the
 * rules that flows meet whose member was chosen by the slot.
 */
export function addTrial(table: TableBuilder, { service, members, size, generation, trial }: PlacedService): string[] {
  if (service.trial === null || trial === null) return [];
  const { id, family } = service;
  const marks = table.set('set', namesOf.trial(id, generation), 'type mark;', trial.marks);
  const body = `typeof numgen inc mod ${size} : ct mark; size ${2 * size};`;
  const others = table.set('map', namesOf.others(id, size, generation), body, trial.others);
  for (const map of [namesOf.trials(id), SHARED.ends]) table.set('map', map, 'type mark : verdict;');
  const elsewhere = table.chain(`o.${id}`);
  for (const member of members.values()) addPlaces(table, service.trial, { id, family, member, elsewhere });
  table.rule(
    elsewhere,
    'ct mark set 0',
    `ct mark set ${slotOf(service, size)} map @${others}`,
    `ct mark vmap @${namesOf.members(id)}`,
    refuseRule(table, service, 'limit'),
  );
  return [`ct mark @${marks} ct mark vmap @${namesOf.trials(id)}`];
}

/** The rules by which places come free, for a chain that sees every packet of a flow; none where nobody is on trial ever. */
export function placesEnd(table: TableBuilder): string[] {
  return table.sets.has(SHARED.ends) ? [`${END} ct mark vmap @${SHARED.ends}`] : [];
}

/** What stands in the sets of a service for its trials. */
export function trialContents(
  { members: names, others }: Trial,
  members: ReadonlyMap<string, NumberedMember>,
  size: number,
): NonNullable<PlacedService['trial']> {
  const marks = names.flatMap((name) => members.get(name)?.mark ?? []);
  return {
    marks: { kind: 'marks', marks },
    others: { kind: 'slots', marks: others === null ? nobody(size) : slotMarks({ table: others }, members, size) },
  } satisfies Record<string, Content>;
}

function addPlaces(
  table: TableBuilder,
  { connectionsMax }: Trial,
  { id, family, member, elsewhere }: { id: string; family: 4 | 6; member: NumberedMember; elsewhere: string },
): void {
  const body = `type ipv${family}_addr . inet_service; size ${connectionsMax}; flags dynamic,timeout;`;
  const places = table.set('set', namesOf.places(id, member.name, connectionsMax), body, 'packets');
  const [begin, end] = [table.chain(`t${member.chain.slice(1)}`), table.chain(`e${member.chain.slice(1)}`)];
  const header = headerOf(family);
  table.rule(
    begin,
    `add @${places} { ${header} saddr . th sport timeout ${PLACE_SECONDS}s } goto ${member.chain}`,
    `goto ${elsewhere}`,
  );
  // Source addresses towards members are translated later, and were translated back before.
  table.rule(
    end,
    `ct direction original delete @${places} { ${header} saddr . th sport } return`,
    `delete @${places} { ${header} daddr . th dport }`,
  );
  table.element(namesOf.trials(id), `${markText(member.mark)} : goto ${begin}`);
  table.element(SHARED.ends, `${markText(member.mark)} : jump ${end}`);
}

/** Slots without anybody: the same array for the same size, so that nothing has changed while there is no trial. */
function nobody(size: number): Uint32Array {
  const slots = NOBODY.get(size) ?? new Uint32Array(size);
  NOBODY.set(size, slots);
  return slots;
}

const NOBODY = new Map<number, Uint32Array>();
