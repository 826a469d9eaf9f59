import { EncodeError, protocolViolation, SessionError, SessionTerminationCode } from '../errors.js';
import { CONTROL, CONTROL_FIRST } from '../messages/context.js';
import { MessageStreamParser } from '../messages/frame.js';
import type { GoawayMessage } from '../messages/goaway.js';
import type { SetupFields } from '../messages/setup.js';
import type { SetupOptions, StreamKey } from './contract.js';
import type { Deadline } from './deadlines.js';
import type { SessionState, StreamHandler } from './state.js';

const CONTROL_PRIORITY = 0;

/** The two control streams: ours, which starts with our SETUP, and the peer's (draft-18 §3.3, §10.3, §10.4). */
export class ControlStreams {
  readonly #state: SessionState;
  readonly #overWebTransport: boolean;
  readonly #onEstablished: () => void;
  readonly #own: StreamKey;
  #peer: StreamKey | null = null;
  #goawayReceived = false;
  #setupDeadline: Deadline | null = null;

  /**
   * Opens our control stream and sends SETUP. `onEstablished` is called when the peer's has come. Throws EncodeError for
   * `path` and `authority` of anyone but a client on raw QUIC.
   */
  constructor(state: SessionState, setup: SetupOptions, overWebTransport: boolean, onEstablished: () => void) {
    this.#state = state;
    this.#overWebTransport = overWebTransport;
    this.#onEstablished = onEstablished;
    this.#checkOwnAddress(setup);
    const bytes = state.encode({ kind: 'setup', options: setup }, CONTROL_FIRST);
    this.#own = state.openStream(false, CONTROL_PRIORITY, controlOut);
    state.actions.write(this.#own, bytes, false);
  }

  /** How many of the two are open. */
  get open(): number {
    return this.#state.ended ? 0 : this.#peer === null ? 1 : 2;
  }

  /** Starts the time that the peer has for its SETUP. */
  connected(): void {
    if (this.#state.established) return;
    this.#setupDeadline = this.#state.after(this.#state.limits.setupWaitMs, () => {
      throw new SessionError(SessionTerminationCode.CONTROL_MESSAGE_TIMEOUT, 'SETUP of the peer has not come');
    });
  }

  /** The handler of the peer's control stream; a second one ends the session. */
  receiver(stream: StreamKey): StreamHandler {
    if (this.#peer !== null) throw protocolViolation('peer opened a second control stream');
    this.#peer = stream;
    const messages = new MessageStreamParser(this.#state.profile);
    return {
      data: (bytes, fin) => {
        messages.push(bytes, fin);
        this.#read(messages);
        if (fin) throw protocolViolation('peer closed its control stream');
      },
      reset: (code) => {
        throw protocolViolation(`peer reset its control stream with code ${code}`);
      },
      stopSending: () => {},
    };
  }

  /** Sends GOAWAY, once; from now on requests of the peer's are rejected. Throws EncodeError for a uri from a client. */
  goaway(newSessionUri: string, timeoutMs: number): void {
    if (this.#state.goawaySent) return;
    if (this.#state.role === 'client' && newSessionUri !== '') {
      throw new EncodeError('GOAWAY of a client names a session uri, expected none');
    }
    const requestId = this.#state.peerIds.next;
    const bytes = this.#state.encode({ kind: 'goaway', newSessionUri, timeoutMs, requestId }, CONTROL);
    this.#state.actions.write(this.#own, bytes, false);
    this.#state.goawaySent = true;
    if (timeoutMs === 0) return;
    // A command brings no time with it: the wait starts with the next event, and this deadline makes one due at once.
    this.#state.after(0, () => this.#state.after(timeoutMs, () => this.#goawayOver()));
  }

  #goawayOver(): void {
    const open = this.#state.own.size + this.#state.peers.size;
    const { GOAWAY_TIMEOUT, NO_ERROR } = SessionTerminationCode;
    this.#state.close(open > 0 ? GOAWAY_TIMEOUT : NO_ERROR, `peer did not leave in time, ${open} requests are open`);
  }

  #read(messages: MessageStreamParser): void {
    while (!this.#state.ended) {
      const message = messages.next(this.#state.established ? CONTROL : CONTROL_FIRST);
      if (message === null) return;
      if (message.kind === 'setup') this.#setup(message.options);
      else if (message.kind === 'goaway') this.#goaway(message);
    }
  }

  #setup(fields: SetupFields): void {
    this.#checkAddress(fields);
    const { authorizationTokens, others: _ignored, ...options } = fields;
    const tokens = authorizationTokens && this.#state.tokens.resolveSetup(authorizationTokens);
    this.#setupDeadline?.cancel();
    this.#state.established = true;
    this.#state.notice({ kind: 'setup', options: { ...options, ...(tokens && { authorizationTokens: tokens }) } });
    this.#onEstablished();
  }

  #checkOwnAddress({ path, authority }: SetupOptions): void {
    if (this.#state.role === 'client' && !this.#overWebTransport) return;
    if (path === undefined && authority === undefined) return;
    throw new EncodeError('path and authority are stated by clients on raw QUIC only');
  }

  // Only the client of a raw QUIC connection names where it wants to go (draft-18 §10.3.1.1, §10.3.1.2).
  #checkAddress({ path, authority }: SetupFields): void {
    if (this.#state.role === 'server' && !this.#overWebTransport) return;
    const { INVALID_PATH, INVALID_AUTHORITY } = SessionTerminationCode;
    const who = this.#state.role === 'client' ? 'from a server' : 'over WebTransport';
    if (path !== undefined) throw new SessionError(INVALID_PATH, `path option ${who}`);
    if (authority !== undefined) throw new SessionError(INVALID_AUTHORITY, `authority option ${who}`);
  }

  #goaway({ newSessionUri, timeoutMs, requestId }: GoawayMessage): void {
    if (this.#goawayReceived) throw protocolViolation('second GOAWAY on the control stream');
    this.#goawayReceived = true;
    this.#state.checkGoawayUri(newSessionUri);
    const parity = this.#state.role === 'client' ? 0n : 1n;
    if (BigInt(requestId!) % 2n !== parity) {
      throw new SessionError(SessionTerminationCode.INVALID_REQUEST_ID, `GOAWAY names request id ${requestId}`);
    }
    this.#state.notice({ kind: 'goaway', newSessionUri, timeoutMs, request: null });
  }
}

const controlOut: StreamHandler = {
  data: () => {},
  reset: () => {},
  stopSending: (code) => {
    throw protocolViolation(`peer refuses the control stream with code ${code}`);
  },
};
