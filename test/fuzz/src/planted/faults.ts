/** A fault that the fuzzer has to find when it stands in the core. */
export interface PlantedFault {
  readonly name: string;
  readonly file: string;
  /** Text that stands in the file once, and what takes its place. */
  readonly planted: readonly [find: string, replacement: string];
}

const SESSION = 'protocol/src/session';

/** One for each kind of thing that goes wrong in such code. */
export const PLANTED: readonly PlantedFault[] = [
  {
    name: 'an integer of nine bytes loses its highest bit',
    file: 'protocol/src/wire/vi64.ts',
    planted: ['if (high < 0x20_0000) return', 'if (length === 9) high &= 0x7fff_ffff;\n  if (high < 0x20_0000) return'],
  },
  {
    name: 'a type may pass 64 bits',
    file: 'protocol/src/wire/key-value.ts',
    planted: ['if (type > VI64_MAX) throw protocolViolation', 'if (type < 0) throw protocolViolation'],
  },
  {
    name: 'an Object ID may pass 64 bits',
    file: 'protocol/src/data/subgroup.ts',
    planted: ['if (object > VI64_MAX) throw', 'if (object < 0) throw'],
  },
  {
    name: 'a descending Group ID may fall below zero',
    file: 'protocol/src/data/fetch-prior.ts',
    planted: ['descending ? step > prior :', 'descending ? step < 0 :'],
  },
  {
    name: 'a payload is a view of what was only lent',
    file: 'protocol/src/data/stream-input.ts',
    planted: [
      'return copyBytes(this.#chunk, start, this.#position);',
      'return this.#chunk.subarray(start, this.#position);',
    ],
  },
  {
    name: 'bytes that were held back are never given back',
    file: `${SESSION}/held-bytes.ts`,
    planted: ['    this.#budget.give(this.#charged);\n', ''],
  },
  {
    name: 'a Request ID may be used twice',
    file: `${SESSION}/request-ids.ts`,
    planted: ["return this.#fill(id) ? null : 'duplicate';", 'return null;'],
  },
  {
    name: 'a deleted token still counts',
    file: `${SESSION}/tokens.ts`,
    planted: ['    this.#bytes -= sizeOf(known.value);\n', ''],
  },
  {
    name: 'a prefix is not released with its request',
    file: `${SESSION}/peer-prefix-request.ts`,
    planted: [
      '  protected override dispose(): void {\n    this.#claims.release(this.#claim);\n',
      '  protected override dispose(): void {\n',
    ],
  },
  {
    name: 'an alias outlives its subscription',
    file: `${SESSION}/reception.ts`,
    planted: ['    this.#state.aliases.delete(this.#alias);\n', ''],
  },
  {
    name: 'updates without an answer have no limit',
    file: `${SESSION}/incoming-updates.ts`,
    planted: ['if (this.#open >= this.#state.limits.updatesPerRequestMax) {', 'if (this.#open < 0) {'],
  },
  {
    name: 'something is written behind FIN',
    file: `${SESSION}/own-request.ts`,
    planted: ['    if (fin) this.#sendOpen = false;\n', ''],
  },
  {
    name: 'a body is copied anew for each piece',
    file: 'protocol/src/data/stream-input.ts',
    planted: ['Math.max(needed, body.length * 2)', 'needed'],
  },
  {
    name: 'an unknown alias of a token throws an error of the language',
    file: `${SESSION}/tokens.ts`,
    planted: ['if (known === undefined) {', 'if (known?.type === null) {'],
  },
  {
    name: 'a pair that is cut short closes with another code',
    file: 'protocol/src/wire/key-value.ts',
    planted: [
      'SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR, message',
      'SessionTerminationCode.PROTOCOL_VIOLATION, message',
    ],
  },
  {
    name: 'a token that cannot be decoded closes with another code',
    file: 'protocol/src/messages/authorization-token.ts',
    planted: ['SessionTerminationCode.KEY_VALUE_FORMATTING_ERROR', 'SessionTerminationCode.PROTOCOL_VIOLATION'],
  },
  {
    name: 'the rewriting of a property moves the one behind it',
    file: 'protocol/src/data/properties.ts',
    planted: ['value, subtract(outer.type, type)]', 'value, subtract(outer.type, previous)]'],
  },
  {
    name: 'a stream that was refused is not reset',
    file: `${SESSION}/data-sender.ts`,
    planted: [
      "    this.#state.actions.reset(this.stream, code);\n    this.#end('refused', code);",
      "    this.#state.actions.fin(this.stream);\n    this.#end('refused', code);",
    ],
  },
];
