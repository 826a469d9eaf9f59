import { createSession, driveSession, MOQT_18, type Notice, type Session } from '@higgins/protocol';
import type { Identity } from '@higgins/transport';
import type { ProcessContext } from '../frame/node.js';
import { CONNECTION_LIMITS } from './relay.js';

/** A session without the SDK: its commands are the protocol's. */
export interface RawSession {
  readonly session: Session;
  /** Carries out commands that were given outside of a notice. */
  pump(): void;
}

export interface RawSessionOptions {
  readonly url: string;
  readonly identity: Identity;
  readonly authoritiesPem: string;
  /** A session is up. */
  up(raw: RawSession): void;
  noticed(raw: RawSession, notice: Notice): void;
  /** It is over; the next one is on its way. */
  down(): void;
}

const RECONNECT_MS = 1000;

/** Keeps a session with a relay up for as long as the process lives. */
export function keepRawSession(context: ProcessContext, options: RawSessionOptions): void {
  const { runtime, note } = context;
  const again = () => runtime.at(runtime.bootMs() + RECONNECT_MS, () => keepRawSession(context, options));
  connect(context, options, again).catch((error: unknown) => {
    note(`cannot reach ${options.url}: ${String(error)}`);
    again();
  });
}

async function connect(context: ProcessContext, options: RawSessionOptions, again: () => void): Promise<void> {
  const { runtime, transport } = context;
  const { url, identity, authoritiesPem } = options;
  const protocols = [MOQT_18.protocol];
  const connection = await transport.connect({ url, identity, authoritiesPem, protocols, limits: CONNECTION_LIMITS });
  const session = createSession({ role: 'client', profile: MOQT_18, setup: {} });
  const driver = driveSession(connection, session, {
    nowMs: () => runtime.bootMs(),
    at: (dueMs, run) => runtime.at(dueMs, run),
    onNotice(notice) {
      if (notice.kind === 'setup') options.up(raw);
      else if (notice.kind === 'closed') {
        options.down();
        again();
      } else options.noticed(raw, notice);
    },
  });
  const raw: RawSession = { session, pump: () => driver.pump() };
}
