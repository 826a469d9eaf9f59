import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Programmed } from '../core/contract.js';
import type { BalancerEvent } from '../core/events.js';
import type { BalancerStatus, PoolStatus, ServiceStatus } from '../core/status.js';

/** How long one look at the status serves all metrics of a scrape. */
const LOOK_MS = 250;

const SERVICE = ['owner', 'load_balancer', 'listener', 'family'] as const;
const SERVICE_MEMBER = [...SERVICE, 'member'] as const;
const POOL = ['owner', 'load_balancer', 'pool', 'family'] as const;
const POOL_MEMBER = [...POOL, 'member'] as const;
const DIRECT = [...POOL_MEMBER, 'listener'] as const;
const MODES = ['normal', 'backup', 'panic', 'fail-open', 'reject'] as const;

type Sample<Label extends string> = readonly [labels: Readonly<Record<Label, string | number>>, value: number];

/**
 * A balancer's metrics. Series are per listener, pool, member and name of the configuration: their number is bounded by
 * it, and never by clients.
 */
export class BalancerMetrics {
  readonly registry: Registry = new Registry();
  readonly #programSeconds = new Histogram({
    name: 'higgins_balancer_program_seconds',
    help: 'Time from a decision to the kernel having it',
    labelNames: ['change'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.registry],
  });
  readonly #checkSeconds = new Histogram({
    name: 'higgins_balancer_check_seconds',
    help: 'Time to the answers of checks that succeeded',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [this.registry],
  });
  readonly #transactions = this.#counter('transactions_total', 'Transactions that changed the kernel');
  readonly #programFailures = this.#counter('program_failures_total', 'States that the kernel did not take');
  readonly #drifts = this.#counter('drift_repairs_total', 'Times that a change by others was found and put right');
  readonly #ejections = this.#counter('ejections_total', 'Members taken out', [...POOL, 'reason']);
  readonly #reloads = this.#counter('configurations_total', 'Configurations by what became of them', ['result']);
  readonly #flowsCut = this.#counter('flows_cut_total', 'Flows to members that were ended', POOL);
  readonly #read: () => BalancerStatus;
  readonly #bootMs: () => number;
  #latest: { readonly status: BalancerStatus; readonly bootMs: number } | null = null;

  /** `read` is called at scrapes. */
  constructor(read: () => BalancerStatus, bootMs: () => number) {
    this.#read = read;
    this.#bootMs = bootMs;
    this.#addServices();
    this.#addMembers();
    this.#addPools();
    this.#addNode();
    // Without a first value of 0, an increase to 1 is none for who reads it.
    for (const result of ['applied', 'refused']) this.#reloads.inc({ result }, 0);
  }

  /** The kernel has a state, so long after it was decided. */
  programmed({ transactions, structure }: Programmed, delayMs: number): void {
    if (transactions === 0) return;
    this.#transactions.inc(transactions);
    this.#programSeconds.observe({ change: structure ? 'structure' : 'slots' }, delayMs / 1_000);
  }

  programFailed(): void {
    this.#programFailures.inc();
  }

  checked(latencyMs: number): void {
    this.#checkSeconds.observe(latencyMs / 1_000);
  }

  /** Counts what events tell. */
  event(event: BalancerEvent): void {
    if (event.kind === 'kernel-drift') this.#drifts.inc();
    else if (event.kind === 'configuration-applied') this.#reloads.inc({ result: 'applied' });
    else if (event.kind === 'configuration-refused') this.#reloads.inc({ result: 'refused' });
    else if (event.kind === 'flows-cut') this.#flowsCut.inc(poolLabels(event), event.flows);
    else if (event.kind === 'member' && event.to === 'ejected') {
      // The reason begins with one of a few words; what the check said stands behind a colon.
      const reason = event.reason?.split(':')[0] ?? 'none';
      this.#ejections.inc({ ...poolLabels(event), reason });
    }
  }

  #addServices(): void {
    const each = (value: (service: ServiceStatus) => number) => () =>
      this.#status.services.map((service) => [serviceLabels(service), value(service)] as const);
    this.#totals(
      'service_packets_total',
      'Packets towards a listener',
      SERVICE,
      each(({ totals }) => totals.packets),
    );
    this.#totals(
      'service_bytes_total',
      'Bytes towards a listener',
      SERVICE,
      each(({ totals }) => totals.bytes),
    );
    this.#totals(
      'service_flows_total',
      'New flows of a listener',
      SERVICE,
      each(({ totals }) => totals.flows),
    );
    this.#totals('service_refused_total', 'Flows that were not let in', [...SERVICE, 'reason'], () =>
      this.#status.services.flatMap((service) =>
        Object.entries(service.refused).map(
          ([reason, value]) => [{ ...serviceLabels(service), reason }, value] as const,
        ),
      ),
    );
    this.#values(
      'service_connections_per_second_limit',
      "New connections a second that this node lets in: its part of the PoP's limit",
      SERVICE,
      () =>
        this.#status.services.flatMap((service) => {
          const { connectionsPerSecond } = service;
          return connectionsPerSecond === null ? [] : [[serviceLabels(service), connectionsPerSecond] as const];
        }),
    );
  }

  #addMembers(): void {
    type Member = ServiceStatus['members'][number];
    const each = (value: (member: Member) => number | null) => () =>
      this.#status.services.flatMap((service) =>
        service.members.flatMap((member) => {
          const labels = { ...serviceLabels(service), member: member.member };
          const read = value(member);
          return read === null ? [] : [[labels, read] as const];
        }),
      );
    this.#totals(
      'member_packets_total',
      'Packets to a member',
      SERVICE_MEMBER,
      each(({ totals }) => totals.packets),
    );
    this.#totals(
      'member_bytes_total',
      'Bytes to a member',
      SERVICE_MEMBER,
      each(({ totals }) => totals.bytes),
    );
    this.#totals(
      'member_flows_total',
      'New flows of a member',
      SERVICE_MEMBER,
      each(({ totals }) => totals.flows),
    );
    this.#values(
      'member_connections',
      'Flows that are tracked to a member',
      SERVICE_MEMBER,
      each((member) => member.connections),
    );
    this.#values(
      'member_slots',
      'Slots that lead to a member',
      SERVICE_MEMBER,
      each(({ slots }) => slots),
    );
  }

  #addPools(): void {
    const each = (value: (member: PoolStatus['members'][number]) => number | null | undefined) => () =>
      this.#status.pools.flatMap((pool) =>
        pool.members.flatMap((member) => {
          const read = value(member);
          return read == null ? [] : [[{ ...poolLabels(pool), member: member.member }, read] as const];
        }),
      );
    this.#values(
      'member_available',
      '1 while a member may take new flows',
      POOL_MEMBER,
      each(({ state }) => (state === 'active' || state === 'on-trial' ? 1 : 0)),
    );
    this.#values(
      'member_check_latency_seconds',
      'Smoothed latency of checks',
      POOL_MEMBER,
      each(({ check }) => (check?.smoothedLatencyMs == null ? null : check.smoothedLatencyMs / 1_000)),
    );
    this.#totals(
      'member_checks_failed_total',
      'Checks that failed',
      POOL_MEMBER,
      each(({ check }) => check?.failed),
    );
    this.#totals(
      'member_checks_succeeded_total',
      'Checks that succeeded',
      POOL_MEMBER,
      each(({ check }) => check?.succeeded),
    );
    this.#values('member_direct_return', '1 while a member is set up for direct server return', DIRECT, () =>
      this.#status.pools.flatMap((pool) =>
        pool.members.flatMap(({ member, directReturn }) =>
          directReturn
            .filter(({ lastWallMs }) => lastWallMs !== null)
            .map(
              ({ listener, failure }) => [{ ...poolLabels(pool), member, listener }, failure === null ? 1 : 0] as const,
            ),
        ),
      ),
    );
    this.#values('pool_available_members', 'Members that may take new flows', POOL, () =>
      this.#status.pools.map((pool) => [poolLabels(pool), pool.available] as const),
    );
    this.#values('pool_mode', '1 for the way in which a pool serves', [...POOL, 'mode'], () =>
      this.#status.pools.flatMap((pool) =>
        MODES.map((mode) => [{ ...poolLabels(pool), mode }, pool.mode === mode ? 1 : 0] as const),
      ),
    );
  }

  #addNode(): void {
    const one = (value: (status: BalancerStatus) => number | null | undefined) => () => {
      const read = value(this.#status);
      return read == null ? [] : [[{}, read] as const];
    };
    const seconds = (wallMs: number | null) => (wallMs === null ? null : wallMs / 1_000);
    this.#values(
      'kernel_generation',
      'Number of the state that is in force',
      [],
      one(({ kernel }) => kernel.generation),
    );
    this.#values(
      'kernel_in_force',
      '1 while the kernel has the newest state',
      [],
      one(({ kernel }) => (kernel.phase === 'in-force' || kernel.phase === 'applying' ? 1 : 0)),
    );
    this.#values(
      'configuration_revision',
      'Configurations put in force',
      [],
      one(({ configuration }) => configuration.revision),
    );
    this.#values(
      'configuration_applied_timestamp_seconds',
      'When the configuration took effect',
      [],
      one((status) => seconds(status.configuration.appliedWallMs)),
    );
    this.#values(
      'configuration_stale_seconds',
      'How long the source is out of reach; 0 if it is not',
      [],
      one(({ configuration: { stale }, nowWallMs }) =>
        stale === null ? 0 : Math.max(0, nowWallMs - stale.sinceWallMs) / 1_000,
      ),
    );
    this.#values(
      'conntrack_entries',
      'Entries of connection tracking',
      [],
      one(({ conntrack }) => conntrack?.entries),
    );
    this.#values(
      'conntrack_entries_max',
      'Entries that the kernel takes',
      [],
      one(({ conntrack }) => conntrack?.entriesMax),
    );
    this.#values('name_age_seconds', 'Age of the addresses of a name', ['host'], () =>
      this.#status.names.flatMap(({ host, resolvedWallMs }) =>
        resolvedWallMs === null ? [] : [[{ host }, (this.#status.nowWallMs - resolvedWallMs) / 1_000] as const],
      ),
    );
    this.#values('name_addresses', 'Addresses of a name', ['host'], () =>
      this.#status.names.map(({ host, addresses }) => [{ host }, addresses.length] as const),
    );
  }

  get #status(): BalancerStatus {
    const bootMs = this.#bootMs();
    if (this.#latest === null || bootMs - this.#latest.bootMs > LOOK_MS)
      this.#latest = { status: this.#read(), bootMs };
    return this.#latest.status;
  }

  #counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []): Counter<Label> {
    return new Counter({ name: `higgins_balancer_${name}`, help, labelNames, registers: [this.registry] });
  }

  #values<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: () => readonly Sample<Label>[],
  ): void {
    new Gauge({
      ...{ name: `higgins_balancer_${name}`, help, labelNames, registers: [this.registry] },
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  }

  /** Totals that somebody else keeps. */
  #totals<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: () => readonly Sample<Label>[],
  ): void {
    new Counter({
      ...{ name: `higgins_balancer_${name}`, help, labelNames, registers: [this.registry] },
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });
  }
}

function serviceLabels({ owner, loadBalancer, listener, family }: ServiceStatus) {
  return { owner, load_balancer: loadBalancer, listener, family };
}

function poolLabels({
  owner,
  loadBalancer,
  pool,
  family,
}: Pick<PoolStatus, 'owner' | 'loadBalancer' | 'pool' | 'family'>) {
  return { owner, load_balancer: loadBalancer, pool, family };
}
