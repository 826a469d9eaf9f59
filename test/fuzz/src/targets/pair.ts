import { type Action, emptyAction, MOQT_18, MoqtSession, type SessionEvent } from '@higgins/protocol';
import { Finding, type Outcome, type Target } from '../frame/finding.js';
import { Random } from '../frame/random.js';
import { Application } from '../session/application.js';
import { COMMANDS } from '../session/step.js';

interface Input {
  readonly seed: number;
  readonly index: number;
}

/**
 * Two sessions and two applications that keep to the contract, on a network that reorders streams and cuts writes:
 * neither side may find fault with the other, and nothing may be left in the end.
 */
export const pair: Target = {
  name: 'pair',
  fuzz: (random) => judge({ seed: random.uint32(), index: random.uint32() }),
  replay: (input) => judge(input as Input),
};

function judge(input: Input): Outcome {
  const network = new Network(input);
  try {
    network.play();
  } catch (error) {
    if (error instanceof Finding) throw error;
    throw new Finding(`pair: throws ${error instanceof Error ? error.stack : error}`, input);
  }
  return { bytes: network.bytes, passedFirst: network.established };
}

interface End {
  readonly session: MoqtSession;
  readonly application: Application;
}

interface Packet {
  readonly to: End;
  readonly lane: string;
  readonly event: SessionEvent;
}

class Network {
  bytes = 0;
  readonly #input: Input;
  readonly #random: Random;
  readonly #client = makeEnd('client');
  readonly #server = makeEnd('server');
  readonly #packets: Packet[] = [];
  readonly #action = emptyAction();
  readonly #pieceBytes: number;
  #nowMs = 1000;

  constructor(input: Input) {
    this.#input = input;
    this.#random = new Random(input.seed, input.index);
    this.#pieceBytes = this.#random.pick([1, 3, 20, 1000]);
  }

  get established(): boolean {
    return this.#client.session.established && this.#server.session.established;
  }

  play(): void {
    for (const end of [this.#client, this.#server]) end.session.receive({ kind: 'connected' }, this.#nowMs);
    this.#collect();
    for (let i = this.#random.between(10, 60); i > 0; i--) {
      this.#command();
      for (let moves = this.#random.pick([0, 0, 1, 3, 20]); moves > 0; moves--) this.#deliver();
      if (this.#random.oneIn(20)) this.#advance(this.#random.pick([1, 100, 1_000]));
    }
    this.#quiet();
    if (!this.established) this.#fail('is not established');
    this.#leave();
  }

  #command(): void {
    const end = this.#random.oneIn(2) ? this.#client : this.#server;
    const command = this.#random.pick(COMMANDS.filter((name) => name !== 'goaway'));
    end.application.act(command, this.#random.below(100), this.#random.below(1000));
    this.#collect();
  }

  // Both sides give up what is left, one after the other, and late streams are waited for.
  #leave(): void {
    for (const end of [this.#client, this.#server]) {
      end.application.leave();
      this.#collect();
      this.#quiet();
    }
    this.#advance(100_000);
    this.#advance(100_000);
    for (const { session } of [this.#client, this.#server]) {
      const left = Object.entries(session.usage).filter(([, count]) => count !== 0);
      if (left.length > 0)
        this.#fail(`${session.role} holds ${JSON.stringify(Object.fromEntries(left))} when all is over`);
    }
  }

  #advance(ms: number): void {
    this.#nowMs += ms;
    for (const { session } of [this.#client, this.#server]) session.receive({ kind: 'timeout' }, this.#nowMs);
    this.#collect();
    this.#quiet();
  }

  #quiet(): void {
    while (this.#deliver()) {
      // Each delivers one event.
    }
  }

  // Streams overtake each other; what one side does to one stream stays in order.
  #deliver(): boolean {
    const chosen = this.#packets[this.#random.below(Math.max(1, this.#packets.length))];
    if (chosen === undefined) return false;
    const index = this.#packets.findIndex(({ lane }) => lane === chosen.lane);
    const [packet] = this.#packets.splice(index, 1);
    const { event, to } = packet!;
    to.session.receive(event, this.#nowMs);
    // The bytes were lent for the call only.
    if (event.kind === 'data') event.bytes.fill(0xee);
    this.#collect();
    return true;
  }

  #collect(): void {
    for (const [from, to] of [
      [this.#client, this.#server],
      [this.#server, this.#client],
    ] as const) {
      while (from.session.next(this.#action)) this.#carry(from, to, this.#action);
    }
  }

  #carry(from: End, to: End, action: Action): void {
    const stream = -action.stream;
    const lane = `${from.session.role} ${action.stream < 0 ? action.stream : `answer ${action.stream}`}`;
    if (action.kind === 'notice') from.application.hear(action.notice!);
    else if (action.kind === 'close')
      this.#fail(`${from.session.role} closes with code ${action.code}: ${action.reason}`);
    else if (action.kind === 'open')
      this.#post(to, lane, { kind: 'opened', stream, bidirectional: action.bidirectional });
    else if (action.kind === 'write') this.#write(to, lane, action);
    else if (action.kind === 'reset' || action.kind === 'stop-sending')
      this.#post(to, lane, { kind: action.kind, stream, code: action.code });
  }

  #write(to: End, lane: string, { bytes, fin, stream }: Action): void {
    this.bytes += bytes.length;
    let start = 0;
    do {
      const end = Math.min(bytes.length, start + this.#pieceBytes);
      const piece = Buffer.from(bytes.subarray(start, end));
      this.#post(to, lane, { kind: 'data', stream: -stream, bytes: piece, fin: fin && end === bytes.length });
      start = end;
    } while (start < bytes.length);
  }

  #post(to: End, lane: string, event: SessionEvent): void {
    // A reset overtakes the data of its direction.
    if (event.kind === 'reset') {
      const kept = this.#packets.filter((packet) => packet.lane !== lane || packet.event.kind !== 'data');
      this.#packets.splice(0, this.#packets.length, ...kept);
    }
    this.#packets.push({ to, lane, event });
  }

  #fail(message: string): never {
    throw new Finding(`pair: ${message}`, this.#input);
  }
}

function makeEnd(role: 'client' | 'server'): End {
  const session = new MoqtSession({ role, profile: MOQT_18, setup: {} });
  return { session, application: new Application(session) };
}
