import {
  canonical,
  encodeToken,
  type Location,
  type MessageParameters,
  MOQT_18,
  readProperties,
  type SubscriptionFilter,
  type Vi64,
  Writer,
} from '@higgins/protocol';
import type { Parameters, ParameterValue, TrackProperties } from '@moqt/transport';

/** A Location as they have it; their integers are bigints throughout. */
export function toTheirLocation({ group, object }: Location): { group: bigint; object: bigint } {
  return { group: BigInt(group), object: BigInt(object) };
}

/** Our Message Parameters as the map that they use, with structures inside as bytes. */
export function toTheirParameters(parameters: MessageParameters): Parameters {
  const map: Parameters = new Map();
  for (const { code, name } of MOQT_18.parameters) {
    const value = parameters[name];
    if (value === undefined) continue;
    const values = Array.isArray(value) ? value : [value];
    map.set(
      BigInt(code),
      values.map((one) => toTheirValue(name, one)),
    );
  }
  return map;
}

/** Encoded Key-Value-Pairs as the map that they use for Track Properties. */
export function toTheirProperties(bytes: Uint8Array | undefined): TrackProperties {
  const map: TrackProperties = new Map();
  for (const { type, value } of readProperties(bytes ?? new Uint8Array(0))) {
    const key = BigInt(type);
    map.set(key, [...(map.get(key) ?? []), typeof value === 'object' ? value : BigInt(value)]);
  }
  return map;
}

function toTheirValue(name: keyof MessageParameters, value: unknown): ParameterValue {
  switch (name) {
    case 'authorizationTokens':
      return encodeToken(value as ValueOf<'authorizationTokens'>[number]);
    case 'filter':
      return filterBytes(value as SubscriptionFilter);
    case 'largest':
      return toTheirLocation(value as Location);
    case 'forward':
      return value === true ? 1n : 0n;
    case 'groupOrder':
      return value === 'ascending' ? 1n : 2n;
    case 'namespacePrefix':
      return (value as ValueOf<'namespacePrefix'>).fields;
    default:
      return BigInt(value as Vi64);
  }
}

type ValueOf<Name extends keyof MessageParameters> = NonNullable<MessageParameters[Name]>;

/** A Subscription Filter, written from the draft's figure (draft-18 §5.1.2). */
function filterBytes(filter: SubscriptionFilter): Uint8Array {
  const writer = new Writer();
  const types = { 'next-group-start': 1, 'largest-object': 2, 'absolute-start': 3, 'absolute-range': 4 };
  writer.vi64(types[filter.kind]);
  if ('start' in filter) {
    writer.vi64(filter.start.group);
    writer.vi64(filter.start.object);
  }
  if ('endGroup' in filter) writer.vi64(canonical(BigInt(filter.endGroup) - BigInt(filter.start.group)));
  return writer.finish();
}
