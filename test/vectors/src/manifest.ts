import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What the bytes of a vector are; `place` says where they stand or, for fetch streams, in which group order. */
export type Form = 'integer' | 'name' | 'message' | 'subgroup' | 'fetch' | 'datagram';

/** Bytes that every implementation of the draft reads in the same way. */
export interface Vector {
  readonly name: string;
  /** Sections of draft-ietf-moq-transport-18. */
  readonly draft: string;
  readonly form: Form;
  readonly place?: string;
  readonly hex: string;
  /** What an encoder makes of the fields, where the draft allows more than one form; else `hex`. */
  readonly reencodes?: string;
  readonly note?: string;
  /** What the bytes say; byte strings as `0x...`, integers above 2^53 - 1 as `...n`. */
  readonly fields: unknown;
}

/** Bytes that have to be refused, and the code that says so: of the session, or 0x12 for a malformed track. */
export interface RefusedVector extends Omit<Vector, 'fields' | 'reencodes'> {
  readonly error: number;
}

const ROOT = new URL('../', import.meta.url);

interface Manifest {
  readonly vectors: readonly Vector[];
  readonly refused: readonly RefusedVector[];
}

const manifest = JSON.parse(readFileSync(new URL('manifest.json', ROOT), 'utf8')) as Manifest;

/** Every vector of the manifest. */
export const VECTORS: readonly Vector[] = manifest.vectors;
/** What has to be refused. */
export const REFUSED: readonly RefusedVector[] = manifest.refused;

/** The bytes of a vector as its file holds them. */
export function bytesOf({ name }: { readonly name: string }): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`data/${name}.bin`, ROOT)));
}

/** The names of all files with bytes. */
export function dataFiles(): string[] {
  return readdirSync(fileURLToPath(new URL('data/', ROOT))).map((file) => file.replace(/\.bin$/, ''));
}
