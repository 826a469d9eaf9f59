import { EncodeError, protocolViolation } from '../errors.js';
import { MESSAGE_BYTES_MAX } from '../limits.js';
import type { Location } from '../model/location.js';
import type { TrackNamespace } from '../model/names.js';
import type { GroupOrder, SubscriptionFilter } from '../model/parameters.js';
import type { Vi64 } from '../model/vi64.js';
import { nextType } from '../wire/key-value.js';
import type { Reader } from '../wire/reader.js';
import type { Writer } from '../wire/writer.js';
import type { Token } from './authorization-token.js';

/** The Message Parameters of any message, absent where the sender left them out; defaults are not filled in. */
export interface MessageParameters {
  readonly objectDeliveryTimeoutMs?: Vi64;
  readonly authorizationTokens?: readonly Token[];
  readonly rendezvousTimeoutMs?: Vi64;
  readonly subgroupDeliveryTimeoutMs?: Vi64;
  readonly expiresMs?: Vi64;
  readonly largest?: Location;
  readonly fillTimeoutMs?: Vi64;
  readonly forward?: boolean;
  readonly subscriberPriority?: number;
  readonly filter?: SubscriptionFilter;
  readonly groupOrder?: GroupOrder;
  readonly newGroupRequest?: Vi64;
  readonly namespacePrefix?: TrackNamespace;
}

/** What a parameter block belongs to; REQUEST_OK and REQUEST_UPDATE differ by the request that they are about. */
export type ParameterScope =
  | 'subscribe'
  | 'subscribe-ok'
  | 'publish'
  | 'publish-ok'
  | 'fetch'
  | 'fetch-ok'
  | 'track-status'
  | 'track-status-ok'
  | 'publish-namespace'
  | 'publish-namespace-ok'
  | 'subscribe-namespace'
  | 'subscribe-namespace-ok'
  | 'subscribe-tracks'
  | 'subscribe-tracks-ok'
  | 'update-subscription'
  | 'update-fetch'
  | 'update-announcement'
  | 'update-prefix'
  | 'update-ok';

/** One row of a parameter table: how a value is serialized and where it may stand (draft-18 §10.2). */
export interface Parameter<Name extends keyof MessageParameters = keyof MessageParameters> {
  readonly code: number;
  readonly name: Name;
  readonly scopes: ReadonlySet<ParameterScope>;
  /** Whether a message may hold several; the value is then an array of what `read` and `write` handle. */
  readonly repeatable: boolean;
  read(reader: Reader): unknown;
  write(writer: Writer, value: unknown): void;
}

/** The parameters of one profile, ascending by code. */
export type ParameterTable = readonly Parameter[];

/**
 * Reads a counted parameter block. Unknown, misplaced and repeated parameters are a PROTOCOL_VIOLATION (draft-18
 * §10.2, §10.2.1).
 */
export function readParameters(reader: Reader, table: ParameterTable, scope: ParameterScope): MessageParameters {
  const count = reader.vi64();
  // Each parameter takes two bytes at least, so the message's length bounds the loop.
  if (count > MESSAGE_BYTES_MAX) throw protocolViolation(`message has ${count} parameters`);
  const values: Partial<Record<keyof MessageParameters, unknown>> = {};
  let code: Vi64 = 0;
  for (let i = 0; i < Number(count); i++) {
    code = nextType(code, reader.vi64());
    const parameter = allowedParameter(table, code, scope);
    const value = parameter.read(reader);
    const before = values[parameter.name];
    if (parameter.repeatable && Array.isArray(before)) before.push(value);
    else if (parameter.repeatable) values[parameter.name] = [value];
    else if (parameter.name in values) {
      throw protocolViolation(`parameter ${parameter.name} stands twice in ${scope}`);
    } else values[parameter.name] = value;
  }
  return values as MessageParameters;
}

/** Writes a counted parameter block; throws EncodeError for a parameter that `scope` does not allow. */
export function writeParameters(
  writer: Writer,
  table: ParameterTable,
  scope: ParameterScope,
  parameters: MessageParameters,
): void {
  const present = table.filter(({ name }) => parameters[name] !== undefined);
  writer.vi64(present.reduce((count, parameter) => count + instances(parameter, parameters).length, 0));
  let previous = 0;
  for (const parameter of present) {
    if (!parameter.scopes.has(scope)) throw new EncodeError(`parameter ${parameter.name} is not allowed in ${scope}`);
    for (const value of instances(parameter, parameters)) {
      writer.vi64(parameter.code - previous);
      previous = parameter.code;
      parameter.write(writer, value);
    }
  }
}

function instances(parameter: Parameter, parameters: MessageParameters): readonly unknown[] {
  const value = parameters[parameter.name];
  return parameter.repeatable ? (value as readonly unknown[]) : [value];
}

function allowedParameter(table: ParameterTable, code: Vi64, scope: ParameterScope): Parameter {
  const parameter = table.find((candidate) => candidate.code === code);
  if (parameter === undefined) throw protocolViolation(`parameter ${code} is unknown`);
  if (!parameter.scopes.has(scope)) throw protocolViolation(`parameter ${parameter.name} is not allowed in ${scope}`);
  return parameter;
}
