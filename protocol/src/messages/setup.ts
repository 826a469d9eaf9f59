import { EncodeError, protocolViolation, SessionError, SessionTerminationCode } from '../errors.js';
import type { SetupOptions } from '../model/requests.js';
import type { Vi64 } from '../model/vi64.js';
import { type KeyValuePair, readKeyValuePairs, writeKeyValuePairs } from '../wire/key-value.js';
import { textForPeople, utf8 } from '../wire/text.js';
import { decodeToken, encodeToken, type Token } from './authorization-token.js';
import type { MessageCodec } from './message.js';
import { isAuthority, isPathAndQuery } from './uri.js';

/** The Setup Options as they stand on the wire: tokens unresolved, options that this core does not know kept. */
export interface SetupFields extends Omit<SetupOptions, 'authorizationTokens'> {
  readonly authorizationTokens?: readonly Token[];
  /** Options of extensions, and of drafts to come; to be ignored unless an extension claims them (draft-18 §10.3). */
  readonly others?: readonly KeyValuePair[];
}

/** SETUP (draft-18 §10.3): the first message on each control stream. */
export interface SetupMessage {
  readonly kind: 'setup';
  readonly options: SetupFields;
}

/** Setup Option types (draft-18 §15.4), the same in all versions. */
export const SetupOptionType = {
  PATH: 0x1,
  AUTHORIZATION_TOKEN: 0x3,
  MAX_AUTH_TOKEN_CACHE_SIZE: 0x4,
  AUTHORITY: 0x5,
  MOQT_IMPLEMENTATION: 0x7,
} as const;

/** How SETUP is serialized. */
export const setup: MessageCodec<SetupMessage> = {
  kind: 'setup',
  code: 0x2f00,
  encode(writer, { options }) {
    const known = new Set<Vi64>(Object.values(SetupOptionType));
    const clash = options.others?.find(({ type }) => known.has(type));
    if (clash !== undefined) throw new EncodeError(`setup option ${clash.type} has a field of its own`);
    writeKeyValuePairs(writer, toPairs(options));
  },
  decode(reader) {
    const pairs = readKeyValuePairs(reader.bytes, reader.position, reader.end);
    reader.position = reader.end;
    return { kind: 'setup', options: fromPairs(pairs) };
  },
};

function toPairs(options: SetupFields): KeyValuePair[] {
  const pairs: KeyValuePair[] = [...(options.others ?? [])];
  const put = (type: number, value: Vi64 | Uint8Array | undefined): void => {
    if (value !== undefined) pairs.push({ type, value });
  };
  put(SetupOptionType.PATH, text(options.path));
  for (const token of options.authorizationTokens ?? []) put(SetupOptionType.AUTHORIZATION_TOKEN, encodeToken(token));
  put(SetupOptionType.MAX_AUTH_TOKEN_CACHE_SIZE, options.maxAuthTokenCacheSizeBytes);
  put(SetupOptionType.AUTHORITY, text(options.authority));
  put(SetupOptionType.MOQT_IMPLEMENTATION, text(options.implementation));
  return pairs;
}

function text(value: string | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : utf8(value);
}

function fromPairs(pairs: readonly KeyValuePair[]): SetupFields {
  const path = single(pairs, SetupOptionType.PATH);
  const authority = single(pairs, SetupOptionType.AUTHORITY);
  const implementation = single(pairs, SetupOptionType.MOQT_IMPLEMENTATION);
  const cacheSize = single(pairs, SetupOptionType.MAX_AUTH_TOKEN_CACHE_SIZE);
  const tokens = pairs.filter(({ type }) => type === SetupOptionType.AUTHORIZATION_TOKEN);
  const known = new Set<Vi64>(Object.values(SetupOptionType));
  const others = pairs.filter(({ type }) => !known.has(type));
  return {
    ...(path !== undefined && { path: pathOf(path.value as Uint8Array) }),
    ...(authority !== undefined && { authority: authorityOf(authority.value as Uint8Array) }),
    ...(implementation !== undefined && { implementation: textForPeople(implementation.value as Uint8Array) }),
    ...(cacheSize !== undefined && { maxAuthTokenCacheSizeBytes: saturated(cacheSize.value as Vi64) }),
    ...(tokens.length > 0 && { authorizationTokens: tokens.map(({ value }) => decodeToken(value as Uint8Array)) }),
    ...(others.length > 0 && { others }),
  };
}

// The type's parity has already decided between integer and bytes.
function single(pairs: readonly KeyValuePair[], type: number): KeyValuePair | undefined {
  const found = pairs.filter((pair) => pair.type === type);
  if (found.length > 1) throw protocolViolation(`setup option ${type} stands ${found.length} times, expected once`);
  return found[0];
}

function saturated(value: Vi64): number {
  return typeof value === 'number' ? value : Number.MAX_SAFE_INTEGER;
}

function pathOf(bytes: Uint8Array): string {
  const path = textForPeople(bytes);
  if (isPathAndQuery(path)) return path;
  throw new SessionError(SessionTerminationCode.MALFORMED_PATH, 'path option is not a path of RFC 3986');
}

function authorityOf(bytes: Uint8Array): string {
  const authority = textForPeople(bytes);
  if (isAuthority(authority)) return authority;
  throw new SessionError(
    SessionTerminationCode.MALFORMED_AUTHORITY,
    'authority option is not an authority of RFC 3986',
  );
}
