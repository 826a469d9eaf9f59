import { NetlinkError } from './errors.js';
import { loadAddon, type NativeAnswer, type NativeNetlink, type NativeSet } from './native.js';
import {
  type Counted,
  FAMILY_NUMBERS,
  type FlowFilter,
  type Layout,
  OBJECT_KINDS,
  type ObjectKind,
  type SetContent,
  type SetOperation,
  type Snapshot,
  type Table,
  type TableStructure,
} from './operations.js';

/** How a socket is opened. */
export interface NetlinkOptions {
  /** Asks for a send buffer of that many bytes instead of the largest that can be had (64 MiB, less without privilege). */
  readonly sendBufferBytes?: number;
}

/**
 * nf_tables and connection tracking of the network namespace that the process is in.
 *
 * Calls run on worker threads, one after the other per instance, and reject with a NetlinkError; whatever rejects has
 * changed nothing. The socket closes when the object is collected.
 */
export class Netlink {
  readonly #native: NativeNetlink;

  /**
   * @throws AddonError if the addon is missing
   * @throws NetlinkError if the kernel refuses a socket; `not-supported` where it has no nfnetlink
   */
  constructor(options: NetlinkOptions = {}) {
    const { NativeNetlink } = loadAddon();
    try {
      this.#native = new NativeNetlink(options.sendBufferBytes);
    } catch (error) {
      throw constructorError(error);
    }
  }

  /** Bytes that one batch may have on the wire. A user namespace gets little: changes beyond it need several batches. */
  get batchBytesMax(): number {
    return this.#native.batchBytesMax;
  }

  /** The ruleset's generation: it changes with every transaction of anybody. */
  async generation(): Promise<number> {
    return unwrap(await this.#native.generation()).number ?? 0;
  }

  /**
   * Carries out all operations as one transaction, or none.
   *
   * With `generation`, only if the ruleset still is of that generation; `generation-changed` otherwise.
   */
  async commit(table: Table, operations: readonly SetOperation[], generation?: number): Promise<void> {
    unwrap(await this.#native.commit(FAMILY_NUMBERS[table.family], table.name, operations, generation));
  }

  /** The bytes that these operations take as one batch, to compare with `batchBytesMax`. */
  encodedBytes(table: Table, operations: readonly SetOperation[]): number {
    return this.#native.encodedBytes(FAMILY_NUMBERS[table.family], table.name, operations);
  }

  /** Reads several sets of a table, all of one generation. */
  async snapshot(table: Table, sets: readonly { readonly set: string; readonly layout: Layout }[]): Promise<Snapshot> {
    const answer = unwrap(await this.#native.snapshot(FAMILY_NUMBERS[table.family], table.name, sets));
    return { generation: answer.generation ?? 0, sets: (answer.sets ?? []).map(contentOf) };
  }

  /** Number of connection-tracking entries that match. */
  async countFlows(filter: FlowFilter): Promise<number> {
    return unwrap(await this.#native.countFlows(filter)).number ?? 0;
  }

  /** Deletes the connection-tracking entries that match; resolves to how many. */
  async deleteFlows(filter: FlowFilter): Promise<number> {
    return unwrap(await this.#native.deleteFlows(filter)).number ?? 0;
  }

  /** Numbers of connection-tracking entries that match, by their mark, in one reading. */
  async countFlowsByMark(filter: FlowFilter): Promise<Map<number, number>> {
    const { marks = [] } = unwrap(await this.#native.countFlowsByMark(filter));
    const counts = new Map<number, number>();
    for (let at = 0; at < marks.length; at += 2) counts.set(marks[at]!, marks[at + 1]!);
    return counts;
  }

  /** Chains, rules, sets and objects of a table, of one generation; null if it is not there. */
  async structure(table: Table): Promise<TableStructure | null> {
    const answer = unwrap(await this.#native.structure(FAMILY_NUMBERS[table.family], table.name));
    if (!answer.structure) return null;
    const { chains, sets, maps, objects, objectTypes, rules } = answer.structure;
    const kindOf = (type: number): ObjectKind =>
      (OBJECT_KINDS as Readonly<Record<number, ObjectKind>>)[type] ?? 'other';
    const kinds = new Map(objects.map((name, index) => [name, kindOf(objectTypes[index]!)]));
    return { generation: answer.generation ?? 0, chains, sets, maps, objects: kinds, rules };
  }

  /** All named counters of a table, by name; none if the table is not there. */
  async counters(table: Table): Promise<Map<string, Counted>> {
    const { counters } = unwrap(await this.#native.counters(FAMILY_NUMBERS[table.family], table.name));
    const counted = (index: number) => ({ packets: counters!.packets[index]!, bytes: counters!.bytes[index]! });
    return new Map(counters?.names.map((name, index) => [name, counted(index)]));
  }
}

/** A constructor of the addon can only throw a text, which ends with the error number. */
export function constructorError(error: unknown): NetlinkError {
  const message = error instanceof Error ? error.message : String(error);
  const [, text, errno] = /^(.*) \(errno (\d+)\)$/.exec(message) ?? [null, message, '0'];
  return new NetlinkError(Number(errno), null, text ?? message);
}

function unwrap(answer: NativeAnswer): NativeAnswer {
  if (!answer.failure) return answer;
  const { errno, operation, message } = answer.failure;
  throw new NetlinkError(errno, operation ?? null, message);
}

function contentOf(set: NativeSet): SetContent {
  return {
    keys: set.keys,
    keyBytes: set.keyBytes,
    count: set.timeoutsMs.length,
    timeoutsMs: set.timeoutsMs,
    expiresMs: set.expiresMs,
    values: set.values ?? null,
    verdicts: set.verdicts ?? null,
  };
}
