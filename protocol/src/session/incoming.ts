import type { StreamRole } from '../data/stream-types.js';
import { StreamResetCode } from '../errors.js';
import type { SessionEvent, StreamKey } from './contract.js';
import type { ControlStreams } from './control-streams.js';
import { receiveDatagram } from './datagram-receiver.js';
import { FetchReceiver } from './fetch-receiver.js';
import { RequestStart } from './request-start.js';
import type { SessionState, StreamHandler } from './state.js';
import { SubgroupReceiver } from './subgroup-receiver.js';
import { UniStart } from './uni-start.js';

/** Gives each event of the transport to the handler of its stream, and each new stream of the peer's its first handler. */
export class Incoming {
  readonly #state: SessionState;
  readonly #control: ControlStreams;
  readonly #makeReceiver = (role: StreamRole, stream: StreamKey) => this.#receiver(role, stream);

  constructor(state: SessionState, control: ControlStreams) {
    this.#state = state;
    this.#control = control;
  }

  /** Throws SessionError for what ends the session. */
  take(event: SessionEvent): void {
    switch (event.kind) {
      case 'connected':
        this.#control.connected();
        break;
      case 'opened':
        this.#opened(event.stream, event.bidirectional);
        break;
      case 'data':
        this.#state.streams.get(event.stream)?.data(event.bytes, event.fin);
        break;
      case 'reset':
        this.#state.streams.get(event.stream)?.reset(event.code);
        break;
      case 'stop-sending':
        this.#state.streams.get(event.stream)?.stopSending(event.code);
        break;
      case 'datagram':
        receiveDatagram(this.#state, event.bytes);
        break;
      case 'timeout':
        this.#state.deadlines.run(this.#state.nowMs);
        break;
      case 'closed':
        this.#state.end(event.code, event.reason, event.remote);
    }
  }

  /** SETUP has come: what came before it goes on, in the order in which the streams were opened. */
  release(): void {
    for (const handler of [...this.#state.streams.values()]) {
      if (handler instanceof RequestStart || handler instanceof UniStart) handler.release();
    }
  }

  #opened(stream: StreamKey, bidirectional: boolean): void {
    const { streams, actions, limits } = this.#state;
    if (streams.size >= limits.streamsMax) {
      if (bidirectional) actions.reset(stream, StreamResetCode.EXCESSIVE_LOAD);
      actions.stopSending(stream, StreamResetCode.EXCESSIVE_LOAD);
    } else if (bidirectional) streams.set(stream, new RequestStart(this.#state, stream));
    else streams.set(stream, new UniStart(this.#state, stream, this.#makeReceiver));
  }

  #receiver(role: StreamRole, stream: StreamKey): StreamHandler | null {
    switch (role) {
      case 'control':
        return this.#control.receiver(stream);
      case 'subgroup':
        return new SubgroupReceiver(this.#state, stream);
      case 'fetch':
        return new FetchReceiver(this.#state, stream);
      case 'padding':
        return null;
    }
  }
}
