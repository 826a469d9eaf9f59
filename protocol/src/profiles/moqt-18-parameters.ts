import {
  filter,
  flag,
  location,
  namespace,
  order,
  type ParameterEncoding,
  token,
  uint8,
  varint,
} from '../messages/parameter-encodings.js';
import type { MessageParameters, Parameter, ParameterScope, ParameterTable } from '../messages/parameters.js';

const SUBSCRIPTION: readonly ParameterScope[] = ['subscribe', 'publish-ok', 'update-subscription'];
const UPDATES: readonly ParameterScope[] = [
  'update-subscription',
  'update-fetch',
  'update-announcement',
  'update-prefix',
];
const REQUESTS: readonly ParameterScope[] = [
  'subscribe',
  'publish',
  'fetch',
  'track-status',
  'publish-namespace',
  'subscribe-namespace',
  'subscribe-tracks',
];

/**
 * The Message Parameters of draft-18 (§10.2, §15.7). TRACK_STATUS_OK holds what a SUBSCRIBE_OK would (§10.14), so
 * EXPIRES is accepted there although §10.2.10 does not list it.
 */
export const PARAMETERS_18: ParameterTable = [
  parameter(0x02, 'objectDeliveryTimeoutMs', varint, ['subscribe', 'publish-ok', ...UPDATES]),
  parameter(0x03, 'authorizationTokens', token, [...REQUESTS, ...UPDATES], true),
  parameter(0x04, 'rendezvousTimeoutMs', varint, ['subscribe']),
  parameter(0x06, 'subgroupDeliveryTimeoutMs', varint, ['subscribe', 'publish-ok', ...UPDATES]),
  parameter(0x08, 'expiresMs', varint, ['subscribe-ok', 'publish', 'publish-ok', 'update-ok', 'track-status-ok']),
  parameter(0x09, 'largest', location, ['subscribe-ok', 'publish', 'update-ok', 'track-status-ok']),
  parameter(0x0a, 'fillTimeoutMs', varint, ['fetch']),
  parameter(0x10, 'forward', flag, [...SUBSCRIPTION, 'publish', 'subscribe-tracks']),
  parameter(0x20, 'subscriberPriority', uint8, [...SUBSCRIPTION, 'fetch', 'update-fetch']),
  parameter(0x21, 'filter', filter, SUBSCRIPTION),
  parameter(0x22, 'groupOrder', order, ['subscribe', 'publish-ok', 'fetch']),
  parameter(0x32, 'newGroupRequest', varint, SUBSCRIPTION),
  parameter(0x34, 'namespacePrefix', namespace, ['update-prefix']),
];

type Element<Value> = Value extends readonly (infer Item)[] ? Item : Value;

function parameter<Name extends keyof MessageParameters>(
  code: number,
  name: Name,
  encoding: ParameterEncoding<Element<NonNullable<MessageParameters[Name]>>>,
  scopes: readonly ParameterScope[],
  repeatable = false,
): Parameter<Name> {
  return {
    code,
    name,
    scopes: new Set(scopes),
    repeatable,
    read: (reader) => encoding.read(reader),
    write: (writer, value) => encoding.write(writer, value as Element<NonNullable<MessageParameters[Name]>>),
  };
}
