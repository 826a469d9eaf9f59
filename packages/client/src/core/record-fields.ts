import type { FullTrackName } from '@higgins/protocol';
import { StorageError } from '../errors.js';
import { nameOfHex } from './hex.js';
import { type Moment, parseMoment } from './moment.js';

/** Reads the header of a record field by field; every method throws StorageError `corrupt` naming the field. */
export class RecordFields {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(header: unknown, format: number) {
    if (typeof header !== 'object' || header === null) throw corrupt('header');
    this.#fields = header as Record<string, unknown>;
    if (this.raw('format') !== format) throw corrupt('format');
  }

  raw(key: string): unknown {
    return this.#fields[key];
  }

  /** An integer from 0 to 2^53 - 1. */
  integer(key: string): number {
    const value = this.raw(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw corrupt(key);
    return value;
  }

  finite(key: string): number {
    const value = this.raw(key);
    if (typeof value !== 'number' || !Number.isFinite(value)) throw corrupt(key);
    return value;
  }

  text(key: string): string {
    const value = this.raw(key);
    if (typeof value !== 'string') throw corrupt(key);
    return value;
  }

  oneOf<Value extends string>(key: string, values: readonly Value[]): Value {
    const value = values.find((candidate) => candidate === this.raw(key));
    if (value === undefined) throw corrupt(key);
    return value;
  }

  moment(key: string): Moment {
    const moment = parseMoment(this.raw(key));
    if (moment === null) throw corrupt(key);
    return moment;
  }

  track(key: string): FullTrackName {
    const name = nameOfHex(this.raw(key));
    if (name === null) throw corrupt(key);
    return name;
  }

  /** Null where the field is null, else what `read` makes of it. */
  nullable<Value>(key: string, read: () => Value): Value | null {
    return this.raw(key) === null ? null : read();
  }
}

/** A record that says something else than this version writes. */
export function corrupt(field: string): StorageError {
  return new StorageError('corrupt', `${field} of the record is not what this version writes`);
}
