import { SchemaError } from '../errors.js';
import type { Content } from './content.js';

/** Reads the fields of a decoded map, each with its expectation; unknown fields are left alone (additive schemas). */
export class Fields {
  readonly #content: Content;
  readonly #path: string;

  /** `path` stands in front of field names in errors, such as `entries.`. */
  constructor(content: Content, path = '') {
    this.#content = content;
    this.#path = path;
  }

  /** The path of a field as errors name it. */
  path(field: string): string {
    return `${this.#path}${field}`;
  }

  has(field: string): boolean {
    return this.#content.has(field);
  }

  /** An integer within the bounds, both included. */
  integer(field: string, min: number, max: number): number {
    const value = this.#required(field);
    const expected = `an integer from ${min} to ${max}`;
    const number = typeof value === 'bigint' && value >= min && value <= max ? Number(value) : value;
    if (typeof number !== 'number') throw new SchemaError('TYPE', this.path(field), value, expected);
    if (!Number.isInteger(number) || number < min || number > max) {
      throw new SchemaError('RANGE', this.path(field), value, expected);
    }
    return number;
  }

  /** As `integer`, or null if the field is missing or null. */
  optionalInteger(field: string, min: number, max: number): number | null {
    return this.#content.get(field) == null ? null : this.integer(field, min, max);
  }

  /** Text with a length within the bounds, in UTF-16 code units. */
  text(field: string, charactersMin: number, charactersMax: number): string {
    const value = this.#required(field);
    const expected = `text of ${charactersMin} to ${charactersMax} characters`;
    if (typeof value !== 'string') throw new SchemaError('TYPE', this.path(field), value, expected);
    if (value.length < charactersMin || value.length > charactersMax) {
      throw new SchemaError('RANGE', this.path(field), value, expected);
    }
    return value;
  }

  /** As `text`, or null if the field is missing or null. */
  optionalText(field: string, charactersMin: number, charactersMax: number): string | null {
    return this.#content.get(field) == null ? null : this.text(field, charactersMin, charactersMax);
  }

  oneOf<T extends string>(field: string, choices: readonly T[]): T {
    const value = this.#required(field);
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) throw new SchemaError('RANGE', this.path(field), value, `one of ${choices.join(', ')}`);
    return choice;
  }

  /** A byte string, as a view into the payload. */
  bytes(field: string): Uint8Array {
    const value = this.#required(field);
    if (!(value instanceof Uint8Array)) throw new SchemaError('TYPE', this.path(field), value, 'a byte string');
    return value;
  }

  /** An array with at most `itemsMax` items of any type. */
  array(field: string, itemsMax: number): readonly unknown[] {
    const value = this.#required(field);
    const expected = `an array of at most ${itemsMax}`;
    if (!Array.isArray(value)) throw new SchemaError('TYPE', this.path(field), value, expected);
    if (value.length > itemsMax) throw new SchemaError('TOO_MANY', this.path(field), value, expected);
    return value;
  }

  /** A map inside the map. */
  map(field: string): Content {
    const value = this.#required(field);
    if (!(value instanceof Map)) throw new SchemaError('TYPE', this.path(field), value, 'a map');
    return value;
  }

  #required(field: string): unknown {
    const value = this.#content.get(field);
    if (value === undefined) throw new SchemaError('MISSING', this.path(field), value, 'a value');
    return value;
  }
}
