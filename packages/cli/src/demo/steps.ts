import { existsSync } from 'node:fs';
import { diff } from '@higgins/ipdata';
import type { IsolatedHost } from '../isolated/network.js';
import type { Program } from '../isolated/program.js';
import { numberOf } from '../isolated/records.js';
import { expectEqual, type StepReport } from '../isolated/report.js';
import { deadlinesOfAgent } from '../local-state.js';
import { table } from '../output.js';
import { preciseWallMs } from '../wall-clock.js';
import type { Acknowledgements } from './acknowledgements.js';
import type { Lab } from './lab.js';
import { type DemoList, LISTS, RELEASES, type Release, readRelease, sourcesOf, UNLISTED } from './lists.js';
import { type ExpectedChange, type Verdict, verdictOf } from './probe.js';

/** From a commit to the acknowledgement of both PoPs, on a busy machine with two cores. */
const ENFORCED_MS_MAX = 20_000;
/** What an expiry may be off the deadline before it counts as missed. The kernel's own tick is 1 to 10 ms. */
const LATENESS_MS_MAX = 250;
const EARLINESS_MS_MAX = 20;
/** How long after the deadline an expiry is waited for. */
const EXPIRY_WAIT_MS = 5_000;
const CONVERGED_MS_MAX = 60_000;

interface ExpectedExpiry {
  readonly pop: IsolatedHost;
  readonly list: DemoList;
  readonly deadlineMs: number;
  readonly change: ExpectedChange;
}

/** The running demo: each method is one step, and resolves with what it observed. */
export class Steps {
  readonly #lab: Lab;
  readonly #report: StepReport;
  readonly #acknowledgements: Acknowledgements;
  readonly #publishers = new Map<DemoList, Program>();

  constructor(lab: Lab, report: StepReport, acknowledgements: Acknowledgements) {
    this.#lab = lab;
    this.#report = report;
    this.#acknowledgements = acknowledgements;
  }

  get #pops(): readonly IsolatedHost[] {
    return this.#lab.network.hosts;
  }

  /** Steps 2 and 3: a release is committed, and every PoP acknowledges it. */
  async publish(release: Release): Promise<string> {
    const version = RELEASES.indexOf(release) + 1;
    const rows = await Promise.all(LISTS.map((list) => this.#publishList(list, release, version)));
    const header = ['list', 'version', 'entries', 'changed', 'PoP', 'commit→enforced', 'commit→acknowledged'];
    this.#report.say(table(header, rows.flat()));
    return `version ${version} of ${LISTS.length} lists is enforced and acknowledged by ${this.#pops.length} PoPs`;
  }

  /** Step 4, and again after the restart: packets from listed and unlisted addresses, both families. */
  async probeAll(): Promise<string> {
    const probes = this.#pops.flatMap((pop) => LISTS.flatMap((list) => this.#probes(pop, list)));
    await Promise.all(
      probes.map(async ({ what, path, expected }) => expectEqual(what, await verdictOf(path), expected)),
    );
    const [listed, other] = [this.#sources(LISTS[0]!)[0]!.source, UNLISTED.ipv4];
    for (const { name } of this.#pops) {
      this.#report.say(`${name}: packets from ${listed} (listed) are refused, from ${other} (not listed) pass`);
    }
    return `${probes.length} addresses, IPv4 and IPv6, got the verdict that their list asks for`;
  }

  /** Step 5: everything but the kernels is killed or hangs; the lists hold until their time is up, and end on it. */
  async expireAlone(): Promise<string> {
    const [orphan, survivor] = this.#pops as [IsolatedHost, IsolatedHost];
    // A relay that hangs is worse than one that is gone: its sessions stay open and nobody is told.
    this.#lab.program('edge').signal('SIGSTOP');
    await this.#lab.kill([...LISTS.map(({ provider }) => `publisher-${provider}`), 'origin']);
    const deadlines = new Map<IsolatedHost, Map<string, number>>();
    for (const pop of this.#pops) deadlines.set(pop, await deadlinesOfAgent(this.#lab.path(`${pop.name}.sock`)));
    await this.#lab.kill([`agent-${orphan.name}`]);
    this.#report.say(
      `killed: publishers, origin, the agent of ${orphan.name}; the edge relay hangs; the agent of ${survivor.name} is alone`,
    );
    await this.probeAll();
    this.#report.say('both kernels still enforce; waiting for the time to live to end');
    const expected = this.#pops.flatMap((pop) =>
      LISTS.map((list) => this.#expiry(pop, list, deadlines.get(pop)?.get(list.track) ?? Number.NaN)),
    );
    const prober = this.#lab.startProber(expected.map(({ change }) => change));
    const changes = await Promise.all(expected.map((expiry) => this.#observeExpiry(prober, expiry)));
    this.#report.say(
      table(
        ['PoP', 'list', 'on expiry', 'verdict', 'late', 'pause between probes'],
        changes.map(({ row }) => row),
      ),
    );
    await this.#lab.kill(['edge']);
    const lateness = changes.map(({ latenessMs }) => latenessMs);
    this.#report.figure('expiry_lateness_max_ms', Math.max(...lateness));
    return `all ${changes.length} lists expired in the kernel, ${Math.max(...lateness).toFixed(1)} ms late at most`;
  }

  /** Step 6, first half: everything is started again, and converges by itself. */
  async restart(): Promise<string> {
    const started = preciseWallMs();
    await this.#lab.startOrigin();
    await this.#lab.startEdge();
    await this.#lab.startAgent(this.#pops[0]!);
    for (const list of LISTS) this.#startPublisher(list);
    for (const pop of this.#pops) {
      for (const list of LISTS) {
        await this.#acknowledgements.wait(
          pop.name,
          list.track,
          { version: RELEASES.length, sinceWallMs: started },
          CONVERGED_MS_MAX,
        );
      }
    }
    await this.probeAll();
    const convergedMs = preciseWallMs() - started;
    this.#report.figure('restart_to_converged_ms', convergedMs);
    return `all PoPs enforce version ${RELEASES.length} again ${(convergedMs / 1000).toFixed(1)} s after the first start`;
  }

  /** Step 6, second half: everything is asked to stop, and does. */
  async stop(): Promise<string> {
    await this.#acknowledgements[Symbol.asyncDispose]();
    const names = [...this.#publishers.keys()].map(({ provider }) => `publisher-${provider}`);
    names.push(...this.#pops.map(({ name }) => `agent-${name}`), 'edge', 'origin');
    for (const name of names) {
      const program = this.#lab.program(name);
      await program.stop('SIGTERM');
      expectEqual(`exit code of ${name}`, program.exitCode, 0);
    }
    await this.#lab.kill(this.#pops.map(({ name }) => `service-${name}`));
    const sockets = this.#pops.map(({ name }) => this.#lab.path(`${name}.sock`)).filter(existsSync);
    expectEqual('sockets left behind', sockets.join(' '), '');
    return `${names.length} programs stopped cleanly on SIGTERM`;
  }

  async #publishList(list: DemoList, release: Release, version: number): Promise<(string | number)[][]> {
    this.#lab.release(list, release);
    const publisher = version === 1 ? this.#startPublisher(list) : this.#publisherOf(list);
    const isCommit = (record: Record<string, unknown>) =>
      record['event'] === 'committed' && record['version'] === version;
    const commit = await publisher.line(`commit of version ${version}`, isCommit, ENFORCED_MS_MAX);
    const committedMs = numberOf(commit, 'wallMs');
    const changed = version === 1 ? numberOf(commit, 'entries') : changesBetween(list, RELEASES[version - 2]!, release);
    const rows: (string | number)[][] = [];
    for (const pop of this.#pops) {
      const seen = await this.#acknowledgements.wait(pop.name, list.track, { version }, ENFORCED_MS_MAX);
      expectEqual(`entries of ${list.track} at ${pop.name}`, seen.entries, numberOf(commit, 'entries'));
      const [enforcedMs, acknowledgedMs] = [seen.appliedWallMs - committedMs, seen.receivedWallMs - committedMs];
      this.#report.figure(`commit_to_enforced_${list.provider}_v${version}_${pop.name}_ms`, enforcedMs);
      this.#report.figure(`commit_to_acknowledged_${list.provider}_v${version}_${pop.name}_ms`, acknowledgedMs);
      const times = [`${enforcedMs.toFixed(0)} ms`, `${acknowledgedMs.toFixed(0)} ms`];
      rows.push([list.provider, version, seen.entries ?? 0, changed, pop.name, ...times]);
    }
    return rows;
  }

  #expiry(pop: IsolatedHost, list: DemoList, deadlineMs: number): ExpectedExpiry {
    if (Number.isNaN(deadlineMs)) throw new Error(`the agent of ${pop.name} tells no deadline of ${list.track}`);
    const path = this.#path(pop, list, this.#sources(list)[0]!.source);
    const to: Verdict = list.onExpiry === 'open' ? 'passes' : 'refused';
    const change = { id: `${list.provider}_${pop.name}`, path, to, untilWallMs: deadlineMs + EXPIRY_WAIT_MS };
    return { pop, list, deadlineMs, change };
  }

  async #observeExpiry(prober: Program, { pop, list, deadlineMs, change }: ExpectedExpiry) {
    const boundMs = change.untilWallMs + EXPIRY_WAIT_MS - preciseWallMs();
    const seen = await prober.line(`change of ${change.id}`, (record) => record['id'] === change.id, boundMs);
    if (seen['error'] !== undefined) throw new Error(`${list.track} at ${pop.name}: ${String(seen['error'])}`);
    const [latenessMs, pauseMs] = [numberOf(seen, 'changedWallMs') - deadlineMs, numberOf(seen, 'pauseMs')];
    if (!(latenessMs <= LATENESS_MS_MAX && latenessMs >= -EARLINESS_MS_MAX)) {
      const bounds = `-${EARLINESS_MS_MAX} to ${LATENESS_MS_MAX}`;
      const seenLate = `${latenessMs.toFixed(1)} ms after its deadline`;
      throw new Error(`${list.track} at ${pop.name} expired ${seenLate}: expected ${bounds}`);
    }
    this.#report.figure(`expiry_lateness_${change.id}_ms`, latenessMs);
    this.#report.figure(`expiry_probe_pause_${change.id}_ms`, pauseMs);
    const verdict = change.to === 'passes' ? 'listed address passes' : 'listed address refused';
    const row = [
      pop.name,
      list.provider,
      list.onExpiry,
      verdict,
      `${latenessMs.toFixed(1)} ms`,
      `${pauseMs.toFixed(1)} ms`,
    ];
    return { row, latenessMs };
  }

  /** What each address must get from a list. */
  #probes(pop: IsolatedHost, list: DemoList) {
    return this.#sources(list).map(({ source, listed }) => {
      const expected: Verdict = listed === (list.action === 'allow') ? 'passes' : 'refused';
      const to = `the ${list.action} list ${list.provider} at ${pop.name}`;
      const what = `${source} (${listed ? 'listed' : 'not listed'}) to ${to}`;
      return { what, path: this.#path(pop, list, source), expected };
    });
  }

  #sources(list: DemoList): { source: string; listed: boolean }[] {
    const { listed, added } = sourcesOf(list);
    return [
      { source: listed.ipv4, listed: true },
      { source: listed.ipv6, listed: true },
      { source: added, listed: true },
      { source: UNLISTED.ipv4, listed: false },
      { source: UNLISTED.ipv6, listed: false },
    ];
  }

  #path(pop: IsolatedHost, list: DemoList, source: string) {
    const destination = source.includes(':') ? pop.address.ipv6 : pop.address.ipv4;
    return { source, destination, port: list.port };
  }

  #startPublisher(list: DemoList): Program {
    const program = this.#lab.startPublisher(list);
    this.#publishers.set(list, program);
    return program;
  }

  #publisherOf(list: DemoList): Program {
    const program = this.#publishers.get(list);
    if (!program) throw new Error(`${list.track} is not published yet`);
    return program;
  }
}

/** Prefixes that a release adds or removes. */
function changesBetween(list: DemoList, before: Release, after: Release): number {
  const [old, next] = [readRelease(list, before), readRelease(list, after)];
  const changes = [diff(old.ipv4, next.ipv4), diff(old.ipv6, next.ipv6)];
  return changes.reduce((sum, { added, removed }) => sum + added.size + removed.size, 0);
}
