import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { ResourceError } from '@higgins/balancing';
import { readGatewayApi } from '@higgins/balancing/front-ends';
import type { Runtime } from '@higgins/runtime';
import { loadDocuments } from '@higgins/service';
import { reasonOf } from '../../reason.js';
import { ENDPOINT_FILES_MAX, RESCAN_MS, SETTLE_MS } from './limits.js';

/** Hears of endpoints as their files change. */
export interface EndpointObserver {
  /** All EndpointSlices and Services that are known now, as documents beside those of a Gateway API configuration. */
  changed(documents: readonly unknown[]): void;
  /** Which files say nothing, or nothing valid, and why: what they said last stays. Null once all of them do again. */
  stale(reason: string | null): void;
}

const KINDS = ['EndpointSlice', 'Service'];
const NAME = /^[^.].*\.(json|ya?ml)$/;

/**
 * Endpoints from files, as `kubectl get endpointslices,services -o json` or YAML has them: one file, or all `.json`, `.yaml`
 * and `.yml` files of a directory. They are read at the start, when they change, and on `reload`. A file that is gone from
 * a directory takes its endpoints with it; an empty or missing directory says nothing at all.
 */
export class EndpointFiles implements Disposable {
  readonly #path: string;
  readonly #runtime: Pick<Runtime, 'bootMs' | 'at'>;
  readonly #observer: EndpointObserver;
  readonly #good = new Map<string, readonly unknown[]>();
  /** Why a path says nothing. */
  readonly #failures = new Map<string, string>();
  #told: string | null = null;
  #documents: readonly unknown[] = [];
  #watcher: FSWatcher | null = null;
  #settling: Disposable | null = null;
  #rescan: Disposable | null = null;

  constructor(path: string, runtime: Pick<Runtime, 'bootMs' | 'at'>, observer: EndpointObserver) {
    this.#path = path;
    this.#runtime = runtime;
    this.#observer = observer;
  }

  /** What is known now. */
  get documents(): readonly unknown[] {
    return this.#documents;
  }

  /** Reads everything, and watches it from now on; the observer has heard of it when this returns. */
  start(): void {
    this.#watch();
    this.reload();
  }

  /** Reads everything again, and tells the observer what is new. */
  reload(): void {
    this.#rescan?.[Symbol.dispose]();
    this.#rescan = this.#runtime.at(this.#runtime.bootMs() + RESCAN_MS, () => this.start());
    const before = this.#documents;
    this.#attempt('', () => this.#readAll(filesOf(this.#path)));
    if (this.#documents !== before) this.#observer.changed(this.#documents);
    const reason = this.#failures.size === 0 ? null : [...this.#failures.values()].join('; ');
    if (reason !== this.#told) this.#observer.stale(reason);
    this.#told = reason;
  }

  [Symbol.dispose](): void {
    this.#watcher?.close();
    this.#settling?.[Symbol.dispose]();
    this.#rescan?.[Symbol.dispose]();
  }

  #readAll(files: readonly string[]): void {
    for (const known of [this.#good, this.#failures]) {
      for (const file of known.keys()) if (!files.includes(file)) known.delete(file);
    }
    for (const file of files) this.#attempt(file, () => this.#good.set(file, readEndpoints(file)));
    const documents = [...this.#good]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .flatMap(([, values]) => values);
    if (JSON.stringify(documents) === JSON.stringify(this.#documents)) return;
    refuseInvalid(documents, this.#path);
    this.#documents = documents;
  }

  #attempt(path: string, work: () => void): void {
    try {
      work();
      this.#failures.delete(path);
    } catch (error) {
      this.#failures.set(path, reasonOf(error));
    }
  }

  /** The directory is watched, because a watch on a file ends when another is renamed over it. */
  #watch(): void {
    this.#watcher?.close();
    this.#watcher = null;
    try {
      const directory = statSync(this.#path).isDirectory() ? this.#path : dirname(this.#path);
      const watcher = watch(directory, () => this.#settle());
      watcher.on('error', () => watcher.close());
      this.#watcher = watcher;
    } catch {
      // Reading says better what is wrong; the next scan watches again.
    }
  }

  #settle(): void {
    this.#settling ??= this.#runtime.at(this.#runtime.bootMs() + SETTLE_MS, () => {
      this.#settling = null;
      this.reload();
    });
  }
}

function filesOf(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => NAME.test(name));
  if (names.length === 0) throw new Error(`${path}: has no file with endpoints, expected .json, .yaml or .yml`);
  if (names.length > ENDPOINT_FILES_MAX) {
    throw new Error(`${path}: has ${names.length} files with endpoints, expected at most ${ENDPOINT_FILES_MAX}`);
  }
  return names.map((name) => join(path, name));
}

/** The documents of one file, all of them valid. @throws ConfigError; ResourceError; Error for a document of another kind */
function readEndpoints(file: string): readonly unknown[] {
  const documents = loadDocuments(file);
  // Whoever writes a file in place empties it first; endpoints that are gone are a list without items.
  if (documents.length === 0) throw new Error(`${file}: is empty, expected a document`);
  const values = documents.flatMap(({ value }) => itemsOf(value));
  for (const value of values) {
    const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
    if (typeof kind !== 'string' || !KINDS.includes(kind)) {
      throw new Error(`${file}: kind is ${JSON.stringify(kind)}, expected one of ${KINDS.join(', ')}`);
    }
  }
  refuseInvalid(values, file);
  return values;
}

function itemsOf(value: unknown): readonly unknown[] {
  const isList = typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'List';
  return isList && 'items' in value && Array.isArray(value.items) ? value.items : [value];
}

/** The front end itself says what a valid document is; without a Gateway it translates nothing. */
function refuseInvalid(documents: readonly unknown[], source: string): void {
  try {
    readGatewayApi(documents);
  } catch (error) {
    if (!(error instanceof ResourceError)) throw error;
    const [first] = error.problems;
    throw new Error(`${source}: ${first?.path.join('.')}: ${first?.message}`, { cause: error });
  }
}
