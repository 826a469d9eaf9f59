import { setTimeout as pause } from 'node:timers/promises';
import type { BalancerStatus, FlowExplanation, FlowQuestion, MemberStatusReport } from '@higgins/agent';
import type { Program } from '../isolated/program.js';
import type { StepReport } from '../isolated/report.js';
import { table } from '../output.js';
import type { ExampleMember } from './examples.js';
import type { Lab } from './lab.js';

/** What a client of the lab printed of one connection. */
interface Answer {
  readonly startedWallMs: number;
  readonly backend?: string;
  readonly source?: string;
  readonly sourcePort?: number;
  readonly error?: string;
}

const CONNECTIONS = 400;
/** What random choice may be off its share with so many connections: five standard deviations of a half. */
const SHARE_TOLERANCE = (5 * 0.5) / Math.sqrt(CONNECTIONS);
/** Bound of every wait: the slowest example checks every 10 s. */
const WAIT_MS_MAX = 60_000;
const LOOK_MS = 20;
/** Connections that must succeed after a change, one after the other. */
const CLEAN_CONNECTIONS = 100;

/** The running lab: each method is one step, and resolves with what it observed. */
export class LabSteps {
  readonly #lab: Lab;
  readonly #report: StepReport;
  #predictions: readonly FlowExplanation[] = [];

  constructor(lab: Lab, report: StepReport) {
    this.#lab = lab;
    this.#report = report;
  }

  async start(): Promise<string> {
    const { members, port } = this.#lab.example;
    await this.#lab.addHosts();
    for (const member of members) await this.#lab.startBackend(member);
    await this.#lab.startBalancer();
    await this.#until(
      (status) => members.every((member) => memberOf(status, member).state === 'active'),
      'all members',
    );
    return `${members.length} backends behind ${this.#lab.address}:${port}, checked and in force`;
  }

  async distribute(): Promise<string> {
    // As it is before they come: least connections deals the slots out anew when they have.
    const status = await this.#lab.control.status();
    const answers = await this.#connect(CONNECTIONS);
    const rows = this.#lab.example.members.map((member) => {
      const served = answers.filter(({ backend }) => backend === member.name).length;
      return { member, served, share: served / answers.length, expected: shareOf(status, member) };
    });
    const cells = rows.map(({ member, served, share, expected }) => [
      member.name,
      served,
      share.toFixed(3),
      expected.toFixed(3),
    ]);
    this.#report.say(table(['backend', 'connections', 'share', 'expected'], cells));
    for (const { member, share, expected } of rows) {
      if (Math.abs(share - expected) > SHARE_TOLERANCE) {
        throw new Error(`${member.name} got a share of ${share.toFixed(3)}, expected ${expected.toFixed(3)}`);
      }
    }
    return `${answers.length} connections, none failed; ${await this.#comparePredictions(answers)}`;
  }

  async drain(): Promise<string> {
    const holder = this.#lab.startClient('holder', '--hold', '--pause-ms', '50');
    const held = (await holder.line('first answer', ({ backend }) => backend !== undefined, WAIT_MS_MAX))['backend'];
    const drained = this.#lab.example.members.find(({ name }) => name === held)!;
    await this.#lab.control.drain({ member: drained.member }, { deadlineMs: null });
    await this.#until((status) => memberOf(status, drained).state.startsWith('drain'), `${drained.name} to drain`);
    const others = await this.#connect(CLEAN_CONNECTIONS);
    const strays = others.filter(({ backend }) => backend === drained.name).length;
    if (strays > 0) throw new Error(`${strays} new connections reached ${drained.name}, which drains`);
    const answers = await this.#stop(holder);
    if (answers.some(({ backend }) => backend !== drained.name))
      throw new Error(`the held connection left ${drained.name}`);
    await this.#lab.control.undrain({ member: drained.member });
    await this.#until((status) => memberOf(status, drained).state === 'active', `${drained.name} to serve again`);
    return `${drained.name} answered ${answers.length} times on its connection, and got none of ${others.length} new ones`;
  }

  async kill(): Promise<string> {
    const [victim] = this.#lab.example.members as [ExampleMember];
    const client = this.#lab.startClient('visitor', '--pause-ms', '5');
    await client.line('first answer', ({ backend }) => backend !== undefined, WAIT_MS_MAX);
    const killedWallMs = Date.now();
    await this.#lab.program(victim.name).stop('SIGKILL');
    const gone = await this.#until(
      (status) => memberOf(status, victim).state === 'ejected',
      `${victim.name} to be ejected`,
    );
    const { sinceWallMs, reason } = memberOf(gone, victim);
    this.#report.figure('ejected_after_ms', sinceWallMs - killedWallMs);
    const clean = await this.#connect(CLEAN_CONNECTIONS);
    if (clean.some(({ backend }) => backend === victim.name))
      throw new Error(`${victim.name} is dead and still serves`);
    await this.#lab.startBackend(victim);
    await this.#until((status) => memberOf(status, victim).state === 'active', `${victim.name} to come back`);
    const answers = await this.#stop(client);
    const failed = answers.filter(({ error }) => error !== undefined);
    const late = failed.filter(({ startedWallMs }) => startedWallMs > sinceWallMs + LOOK_MS);
    if (late.length > 0) throw new Error(`${late.length} connections failed after the ejection: ${late[0]!.error}`);
    return `${victim.name} was ejected ${sinceWallMs - killedWallMs} ms after its death (${reason}); ${failed.length} of ${answers.length} connections met it before`;
  }

  async reload(): Promise<string> {
    const client = this.#lab.startClient('reloader', '--pause-ms', '2');
    await client.line('first answer', ({ backend }) => backend !== undefined, WAIT_MS_MAX);
    const [find, replace] = this.#lab.example.change;
    await this.#lab.changeConfiguration();
    await this.#connect(CLEAN_CONNECTIONS);
    const answers = await this.#stop(client);
    const failed = answers.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw new Error(`a connection failed during the reload: ${failed.error}`);
    this.#report.say(`"${find}" became "${replace}"`);
    return `none of ${answers.length} connections failed`;
  }

  async orphan(): Promise<string> {
    const before = await this.#explainAll();
    await this.#lab.program('balancer').stop('SIGKILL');
    const alone = await this.#connect(CLEAN_CONNECTIONS);
    await this.#lab.startBalancer();
    const after = await this.#explainAll();
    const moved = after.filter(
      ({ slot, member }, index) => slot !== before[index]!.slot || member !== before[index]!.member,
    );
    if (moved.length > 0) throw new Error(`${moved.length} of ${after.length} flows would move`);
    await this.#connect(CLEAN_CONNECTIONS);
    return `${alone.length} connections without the balancer, none failed; with the new one none of ${after.length} flows moves`;
  }

  /** Opens so many connections, one after the other; all must be answered. */
  async #connect(count: number): Promise<Answer[]> {
    const client = this.#lab.startClient(`client-${count}`, '--count', String(count));
    await client.line('end', ({ msg }) => msg === 'done', WAIT_MS_MAX);
    const answers = answersOf(client);
    const failed = answers.find(({ error }) => error !== undefined);
    if (failed !== undefined) throw new Error(`a connection failed: ${failed.error}`);
    return answers;
  }

  async #stop(client: Program): Promise<Answer[]> {
    await client.stop('SIGTERM');
    return answersOf(client);
  }

  /** Compares where flows went with what the balancer says of them; where it counts in turn, nothing can be said. */
  async #comparePredictions(answers: readonly Answer[]): Promise<string> {
    this.#predictions = await this.#explain(
      answers.map(({ source, sourcePort }) => ({
        ...{ protocol: 'tcp', sourceAddress: source!, sourcePort: sourcePort! },
        ...{ destinationAddress: this.#lab.address, destinationPort: this.#lab.example.port },
      })),
    );
    const sure = this.#predictions.flatMap(({ outcome, member }, index) => {
      return outcome === 'member' ? [{ member, backend: answers[index]!.backend }] : [];
    });
    const wrong = sure.filter(({ member, backend }) => member !== backend).length;
    if (wrong > 0) throw new Error(`${wrong} of ${sure.length} connections went elsewhere than predicted`);
    return sure.length === 0
      ? 'the kernel takes turns, so no flow is predicted'
      : `${sure.length} of ${sure.length} went where predicted`;
  }

  #explainAll(): Promise<FlowExplanation[]> {
    return this.#explain(this.#predictions.map(({ flow }) => flow));
  }

  async #explain(flows: readonly FlowQuestion[]): Promise<FlowExplanation[]> {
    const explanations: FlowExplanation[] = [];
    for (const flow of flows) explanations.push(await this.#lab.control.explain(flow));
    return explanations;
  }

  async #until(condition: (status: BalancerStatus) => boolean, what: string): Promise<BalancerStatus> {
    const signal = AbortSignal.timeout(WAIT_MS_MAX);
    for (;;) {
      const status = await this.#lab.control.status();
      if (condition(status)) return status;
      if (signal.aborted) throw new Error(`waited ${WAIT_MS_MAX} ms for ${what}`);
      await pause(LOOK_MS);
    }
  }
}

function answersOf(client: Program): Answer[] {
  return client.records.filter((record) => 'startedWallMs' in record) as unknown as Answer[];
}

function memberOf(status: BalancerStatus, example: ExampleMember): MemberStatusReport {
  const found = status.pools.flatMap(({ members }) => members).find(({ member }) => isOf(example, member));
  if (found === undefined) throw new Error(`the balancer has no member ${example.member}`);
  return found;
}

/** The part of a service's slots that lead to the member. */
function shareOf({ services }: BalancerStatus, example: ExampleMember): number {
  const service = services.find(({ protocol, family }) => protocol === 'tcp' && family === 4);
  const part = service?.members.find(({ member }) => isOf(example, member));
  return part === undefined || part.slotsTotal === 0 ? 0 : part.slots / part.slotsTotal;
}

/** Members of which every address counts are called `name@address`. */
function isOf(example: ExampleMember, member: string): boolean {
  return member === example.member || member.startsWith(`${example.member}@`);
}
