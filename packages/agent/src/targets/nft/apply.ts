import { type Netlink, NetlinkError, type SetContent, type SetOperation } from '@higgins/netlink';
import type { Target } from '../../core/target.js';
import { NftError } from './errors.js';
import { packedIntervals } from './intervals.js';
import type {
  ActualList,
  DesiredList,
  Enforcement,
  NftOperation,
  PerFamily,
  Sentinel,
  SlotContent,
  Step,
} from './model.js';
import { namesOf } from './names.js';
import { planList } from './plan.js';

/** The kernel's numbers of the protocol families, which are the keys of the verdict maps. */
const NFPROTO = { ipv4: 2, ipv6: 10 } as const;
/** Timeout of the element that a renewal adds only to be able to delete it. */
const PRIMING_TIMEOUT_MS = 60_000;
/**
 * How far a sentinel's time may seem off when it is read: the kernel's tick and, if an earlier process wrote it, two
 * readings of the uptime, each 1 to 10 ms; and what passes between asking and the kernel's answer on a busy machine.
 */
const READING_UNCERTAIN_MS = 35;

/** What a list's target works with. */
export interface NftListOptions {
  readonly table: string;
  readonly enforcement: Enforcement;
  readonly netlink: Netlink;
  readonly bootMs: () => number;
  /** Bytes per batch; default is what the socket carries. */
  readonly batchBytesMax?: number;
}

/** One list in the kernel. Transactions are all or nothing; none of the methods waits for anything but the kernel. */
export class NftListTarget implements Target<DesiredList, ActualList, NftOperation> {
  readonly id: string;
  readonly table: string;
  readonly #options: NftListOptions;
  /** The deadline that this process wrote last: more exact than what is read back of it. */
  #writtenBootMs: number | null = null;

  constructor(options: NftListOptions) {
    this.id = options.enforcement.id;
    this.table = options.table;
    this.#options = options;
  }

  plan(desired: DesiredList, actual: ActualList, nowBootMs: number): NftOperation[] {
    const { netlink, batchBytesMax } = this.#options;
    return planList(desired, actual, nowBootMs, { id: this.id, batchBytesMax: batchBytesMax ?? netlink.batchBytesMax });
  }

  /** Sends each operation as one transaction; rejects at the first that is refused, which then has changed nothing. */
  async apply(operations: readonly NftOperation[], signal: AbortSignal): Promise<void> {
    for (const { steps, generation } of operations) {
      signal.throwIfAborted();
      const batch = steps.flatMap((step) => encodeStep(step, this.#options.bootMs()));
      if (batch.length > 0) await this.#netlink.commit(this.#table, batch, generation ?? undefined);
      for (const step of steps)
        if (step.kind === 'verdicts') this.#writtenBootMs = step.deadlineBootMs ?? this.#writtenBootMs;
    }
  }

  /** What is in force, of one generation. Rejects with `not-found` while the table's structure is not there. */
  async verify(): Promise<ActualList> {
    const { id } = this;
    const intervals = ([0, 1] as const).flatMap((slot) =>
      ([4, 6] as const).map((family) => ({ set: namesOf.set(id, family, slot), layout: 'interval' as const })),
    );
    const maps = [namesOf.alive(id), namesOf.expiry(id)].map((set) => ({ set, layout: 'plain' as const }));
    const beforeBootMs = this.#options.bootMs();
    const { generation, sets } = await this.#netlink.snapshot(this.#table, [...maps, ...intervals]);
    const [alive, expiry, ipv4First, ipv6First, ipv4Second, ipv6Second] = sets as [
      SetContent,
      SetContent,
      SetContent,
      SetContent,
      SetContent,
      SetContent,
    ];
    return {
      generation,
      sentinels: sentinelsOf(alive, beforeBootMs, this.#writtenBootMs),
      expiryVerdicts: verdictsOf(expiry),
      slots: [slotOf(ipv4First, ipv6First), slotOf(ipv4Second, ipv6Second)],
    };
  }

  /** Whether what was read is as it was: nobody changed the ruleset since, and no sentinel's time is up. */
  async stillActual({ generation, sentinels }: ActualList): Promise<boolean> {
    if ((await this.#netlink.generation()) !== generation) return false;
    const nowBootMs = this.#options.bootMs();
    const runs = (sentinel: Sentinel | null) => (sentinel?.expiresBootMs ?? Number.POSITIVE_INFINITY) > nowBootMs;
    return runs(sentinels.ipv4) && runs(sentinels.ipv6);
  }

  get #netlink(): Netlink {
    return this.#options.netlink;
  }

  get #table() {
    return { family: 'inet', name: this.#options.table } as const;
  }
}

/** A refusal by the kernel as an error of this target; null for those that a fresh read and plan may cure. */
export function permanentError(error: unknown): Error | null {
  if (!(error instanceof NetlinkError)) return error instanceof Error ? error : new Error(String(error));
  if (error.code === 'not-permitted') return NftError.notPermitted({ cause: error });
  const curable = ['generation-changed', 'exists', 'not-found', 'busy', 'no-memory'];
  return curable.includes(error.code) ? null : new NftError('refused', `nft: ${error.message}`, { cause: error });
}

function encodeStep(step: Step, nowBootMs: number): SetOperation[] {
  if (step.kind === 'flush') return [step];
  if (step.kind === 'verdicts') return encodeVerdicts(step, nowBootMs);
  const { keys, keyBytes } = step.intervals;
  return [{ kind: step.kind, set: step.set, keys, keyBytes, layout: 'interval' }];
}

/**
 * Add, delete, add: the first makes sure that there is something to delete (the elements may expire at any moment), the
 * second takes it away, because a re-add does not renew a timeout on every kernel.
 */
function encodeVerdicts(step: Step & { kind: 'verdicts' }, nowBootMs: number): SetOperation[] {
  const { map, before, after, deadlineBootMs } = step;
  const leftMs = deadlineBootMs === null ? null : deadlineBootMs - nowBootMs;
  const wanted = leftMs !== null && leftMs <= 0 ? null : after;
  const priming = { ipv4: before.ipv4 ?? wanted ?? 'return', ipv6: before.ipv6 ?? wanted ?? 'return' };
  const elements = (verdicts: PerFamily<string>, endsInMs: number | null) => ({
    set: map,
    keys: Uint8Array.of(NFPROTO.ipv4, NFPROTO.ipv6),
    keyBytes: 1,
    verdicts: [verdicts.ipv4, verdicts.ipv6],
    ...(endsInMs === null ? {} : { endsInMs: Float64Array.of(endsInMs, endsInMs) }),
  });
  const primed = elements(priming, leftMs === null ? null : PRIMING_TIMEOUT_MS);
  const operations: SetOperation[] = [
    { kind: 'add', ...primed },
    { kind: 'delete', ...primed },
  ];
  if (wanted !== null) operations.push({ kind: 'add', ...elements({ ipv4: wanted, ipv6: wanted }, leftMs) });
  return operations;
}

function sentinelsOf(
  content: SetContent,
  calledBootMs: number,
  writtenBootMs: number | null,
): PerFamily<Sentinel | null> {
  return perFamily(content, (index) => {
    const verdict = content.verdicts?.[index] ?? '';
    const expiresBootMs = calledBootMs + content.expiresMs[index]!;
    if (Number.isNaN(expiresBootMs)) return { verdict, expiresBootMs: null, uncertainMs: 0 };
    if (writtenBootMs !== null && Math.abs(writtenBootMs - expiresBootMs) <= READING_UNCERTAIN_MS) {
      return { verdict, expiresBootMs: writtenBootMs, uncertainMs: 0 };
    }
    return { verdict, expiresBootMs, uncertainMs: READING_UNCERTAIN_MS };
  });
}

function verdictsOf(content: SetContent): PerFamily<string | null> {
  return perFamily(content, (index) => content.verdicts?.[index] ?? '');
}

function perFamily<T>(content: SetContent, read: (index: number) => T): PerFamily<T | null> {
  const at = (family: number) => {
    const index = content.keys.indexOf(family);
    return index < 0 ? null : read(index);
  };
  return { ipv4: at(NFPROTO.ipv4), ipv6: at(NFPROTO.ipv6) };
}

function slotOf(ipv4: SetContent, ipv6: SetContent): SlotContent {
  return { ipv4: packedIntervals(4, ipv4.keys), ipv6: packedIntervals(16, ipv6.keys) };
}
