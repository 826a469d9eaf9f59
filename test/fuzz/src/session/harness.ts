import {
  type Action,
  DEFAULT_LIMITS,
  emptyAction,
  MOQT_18,
  MoqtSession,
  type Notice,
  type SessionLimits,
  SessionTerminationCode,
} from '@higgins/protocol';
import { codeOf, Finding, isPeersFault, unhex } from '../frame/finding.js';
import { Application } from './application.js';
import { Output } from './output.js';
import type { SessionSetting, Step } from './step.js';

/** Far below the defaults, so that short inputs reach every one of them. */
export const LIMITS: SessionLimits = {
  ...DEFAULT_LIMITS,
  objectBytesMax: 50_000,
  propertiesBytesMax: 2_000,
  heldBytesMax: 3_000,
  tokenCacheBytesMax: 150,
  requestsMax: 6,
  requestIdGapsMax: 16,
  updatesPerRequestMax: 3,
  streamsMax: 24,
  unknownAliasStreamsMax: 3,
  joiningFetchesWaitingMax: 2,
  retiredAliasesMax: 2,
  partialMessageBytesMax: 40_000,
  unansweredPublishBytesMax: 2_000,
  prefixesMax: 3,
  namespaceBytesMax: 400,
};

/** What is held back for any reason counts together. */
const HELD_BYTES_MAX =
  LIMITS.heldBytesMax + LIMITS.partialMessageBytesMax + LIMITS.unansweredPublishBytesMax + LIMITS.namespaceBytesMax;

/** A session under test with its application and its judges; steps are kept, so that a finding can be replayed. */
export class Harness {
  readonly session: MoqtSession;
  readonly output: Output;
  readonly application: Application;
  readonly steps: Step[] = [];
  closeCode: number | null = null;
  /** It was established at some point. */
  established = false;
  bytes = 0;
  readonly #setting: SessionSetting;
  readonly #action: Action = emptyAction();
  #nowMs = 1000;
  #closedNotices = 0;

  constructor(setting: SessionSetting) {
    this.#setting = setting;
    const address = setting.role === 'client' && !setting.overWebTransport ? { path: '/', authority: 'a.example' } : {};
    this.session = new MoqtSession({ ...setting, profile: MOQT_18, setup: address, limits: LIMITS });
    this.output = new Output((message) => this.fail(message));
    this.application = new Application(this.session);
    this.#guard(() => this.session.receive({ kind: 'connected' }, this.#nowMs));
  }

  fail(message: string): never {
    throw new Finding(`session: ${message}`, { ...this.#setting, steps: this.steps });
  }

  apply(step: Step): void {
    this.steps.push(step);
    if ((step.do === 'data' && step.fin) || step.do === 'reset') this.output.peerEnded(step.stream);
    if (step.do === 'stop-sending') this.output.peerRefused(step.stream);
    this.#guard(() => this.#carryOut(step));
    this.#checkBounds();
  }

  /** Everything is given up by both sides: nothing may be left. */
  finish(openByPeer: Iterable<number>): void {
    for (const stream of openByPeer) this.apply({ do: 'reset', stream, code: 1 });
    this.#guard(() => this.application.leave());
    for (const stream of this.output.resettable()) this.apply({ do: 'reset', stream, code: 1 });
    for (const stream of this.output.refusable()) this.apply({ do: 'stop-sending', stream, code: 1 });
    this.apply({ do: 'advance', ms: 200_000 });
    const left = Object.entries(this.session.usage).filter(([, count]) => count !== 0);
    if (left.length > 0) this.fail(`holds ${JSON.stringify(Object.fromEntries(left))} when all is over`);
    if (this.closeCode === null && !this.session.established) this.fail('neither established nor closed in the end');
  }

  #carryOut(step: Step): void {
    const { session } = this;
    switch (step.do) {
      case 'open':
        session.receive({ kind: 'opened', stream: step.stream, bidirectional: step.bidirectional }, this.#nowMs);
        break;
      case 'data': {
        // Lent as a Buffer and overwritten: the session must not keep what it does not copy.
        const bytes = Buffer.from(step.hex, 'hex');
        this.bytes += bytes.length;
        session.receive({ kind: 'data', stream: step.stream, bytes, fin: step.fin }, this.#nowMs);
        bytes.fill(0xee);
        break;
      }
      case 'datagram':
        session.receive({ kind: 'datagram', bytes: unhex(step.hex) }, this.#nowMs);
        break;
      case 'advance':
        this.#advance(step.ms);
        break;
      case 'command':
        this.application.act(step.command, step.a, step.b);
        break;
      default:
        session.receive({ kind: step.do, stream: step.stream, code: step.code }, this.#nowMs);
    }
  }

  #advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let runs = 0; ; runs++) {
      const dueMs = this.session.nextTimeoutMs();
      if (dueMs === null || dueMs > untilMs) break;
      if (runs > 1000) this.fail('has a thousand time-outs in one wait');
      this.#nowMs = Math.max(this.#nowMs, dueMs);
      this.session.receive({ kind: 'timeout' }, this.#nowMs);
      this.#drain();
    }
    this.#nowMs = untilMs;
  }

  #guard(run: () => void): void {
    try {
      run();
      this.#drain();
    } catch (error) {
      if (error instanceof Finding) throw error;
      this.fail(
        `throws ${error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 3).join(' ') : error}`,
      );
    }
  }

  #drain(): void {
    while (this.session.next(this.#action)) {
      const action = this.#action;
      if (action.kind === 'notice') this.#hear(action.notice!);
      else if (this.closeCode !== null) this.fail(`does ${action.kind} after close`);
      else if (action.kind === 'close') this.#closed(action.code, action.reason);
      else this.output.take(action);
    }
    this.established ||= this.session.established;
  }

  #hear(notice: Notice): void {
    if (this.#closedNotices > 0) this.fail(`notices ${notice.kind} after closed`);
    if (notice.kind === 'closed') this.#closedNotices++;
    else this.application.hear(notice);
  }

  #closed(code: number, reason: string): void {
    this.closeCode = code;
    const { GOAWAY_TIMEOUT, NO_ERROR } = SessionTerminationCode;
    const left = this.application.goawaySent && (code === GOAWAY_TIMEOUT || code === NO_ERROR);
    if (left || (isPeersFault(code) && code === codeOf(reason))) return;
    this.fail(`closes with code ${code}: ${reason}`);
  }

  // All that a peer can make a session hold has a limit.
  #checkBounds(): void {
    const { usage } = this.session;
    const own = this.output.opened;
    const asked = this.application.ownRequests;
    const bounds: Record<string, number> = {
      streams: LIMITS.streamsMax + own,
      requests: LIMITS.requestsMax + asked,
      // In each of three tables.
      subscriptions: 3 * (LIMITS.requestsMax + asked),
      prefixes: 2 * LIMITS.prefixesMax + LIMITS.requestsMax + asked + this.steps.length,
      fetches: LIMITS.joiningFetchesWaitingMax + asked,
      waitingStreams: LIMITS.unknownAliasStreamsMax,
      heldBytes: HELD_BYTES_MAX,
      deadlines: 4 + 2 * usage.requests + usage.streams + usage.waitingStreams,
      actions: 0,
    };
    const { updatesOpen } = this.application;
    if (updatesOpen > LIMITS.updatesPerRequestMax) this.fail(`has ${updatesOpen} updates of one request open`);
    for (const [what, count] of Object.entries(usage)) {
      if (count < 0 || count > (bounds[what] ?? Number.POSITIVE_INFINITY))
        this.fail(`holds ${count} ${what}, expected at most ${bounds[what]}`);
    }
  }
}
