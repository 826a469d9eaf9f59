import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CheckOrder } from '../core/contract.js';
import { CHECK_TYPES_MAX } from './limits.js';
import { printableReason } from './reason.js';

/** The types that every node has. */
export const BUILT_IN_CHECK_TYPES = ['tcp', 'udp', 'http', 'https', 'tls'] as const;

/**
 * A check of the operator's own: resolves if the member serves, rejects with an error whose message says why not. The
 * signal is aborted when the check's time is over; whatever it holds must be released then.
 */
export type CheckProbe = (order: CheckOrder, signal: AbortSignal) => Promise<void>;

/** What is wrong with a check type; the configuration or module that names it is refused. */
export type CheckTypeErrorCode = 'unknown' | 'name' | 'duplicate' | 'too-many' | 'module';

/** A check type can't be used. */
export class CheckTypeError extends Error {
  override readonly name = 'CheckTypeError';
  readonly code: CheckTypeErrorCode;

  constructor(code: CheckTypeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** The check types of a node: those that are built in, and those that its operator registers. */
export class CheckTypes {
  readonly #probes = new Map<string, CheckProbe>();

  /** All names: the built-in ones first, then as they were registered. */
  get names(): readonly string[] {
    return [...BUILT_IN_CHECK_TYPES, ...this.#probes.keys()];
  }

  /**
   * Adds a type under a name of lower-case letters, digits and hyphens.
   *
   * @throws CheckTypeError `name`, `duplicate` or `too-many`
   */
  registerCheckType(name: string, probe: CheckProbe): void {
    if (!NAME.test(name)) {
      throw new CheckTypeError('name', `check type is "${name}", expected 1 to 63 of a-z, 0-9 and -, a letter first`);
    }
    if (this.names.includes(name)) throw new CheckTypeError('duplicate', `check type "${name}" exists already`);
    if (this.#probes.size >= CHECK_TYPES_MAX) {
      throw new CheckTypeError('too-many', `check type "${name}" is one more than the ${CHECK_TYPES_MAX} allowed`);
    }
    this.#probes.set(name, probe);
  }

  /** Registers what a module exports as `checkTypes`, an object from names to probes. @throws CheckTypeError */
  registerModule(source: string, exports: Readonly<Record<string, unknown>>): void {
    const { checkTypes } = exports;
    if (typeof checkTypes !== 'object' || checkTypes === null) {
      throw new CheckTypeError(
        'module',
        `${source}: checkTypes is ${checkTypes === null ? 'null' : typeof checkTypes}, expected an object of functions`,
      );
    }
    for (const [name, probe] of Object.entries(checkTypes)) {
      if (typeof probe !== 'function') {
        throw new CheckTypeError('module', `${source}: checkTypes.${name} is ${typeof probe}, expected a function`);
      }
      this.registerCheckType(name, probe as CheckProbe);
    }
  }

  /** Loads a JavaScript module and registers what it exports, see `registerModule`. @throws CheckTypeError */
  async loadModule(path: string): Promise<void> {
    let exports: Readonly<Record<string, unknown>>;
    try {
      exports = (await import(pathToFileURL(resolve(path)).href)) as Readonly<Record<string, unknown>>;
    } catch (cause) {
      throw new CheckTypeError('module', `${path}: can't be loaded: ${printableReason(String(cause))}`, { cause });
    }
    this.registerModule(path, exports);
  }

  /** The probe of a registered type; undefined for others, the built-in ones included. */
  registered(name: string): CheckProbe | undefined {
    return this.#probes.get(name);
  }

  /** Lets names pass that stand for a type. @throws CheckTypeError `unknown`, which names the ones that do */
  assertKnown(name: string): void {
    if (!this.names.includes(name)) {
      throw new CheckTypeError('unknown', `check type is "${name}", expected one of ${this.names.join(', ')}`);
    }
  }
}
