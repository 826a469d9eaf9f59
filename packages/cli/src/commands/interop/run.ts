import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from '@higgins/runtime';
import { type ConnectOptions, type Transport, TransportError } from '@higgins/transport';
import type { InteropCase } from './cases.js';
import { CaseFailure } from './failure.js';
import { closeText, InteropPeer } from './peer.js';

export interface RunOptions {
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly relay: Omit<ConnectOptions, 'protocols' | 'signal'>;
  /** Multiplies the time that each case may take. */
  readonly timeFactor: number;
  log?(line: string): void;
}

/** What a session turned out to be. */
export interface SessionReport {
  readonly moqtVersion: string;
  readonly transport: 'quic' | 'webtransport-h3';
}

export interface CaseReport {
  readonly name: string;
  readonly passed: boolean;
  readonly durationMs: number;
  /** By role. */
  readonly sessions: Readonly<Record<string, SessionReport>>;
  /** Absent where it passed. */
  readonly failure?: { readonly expected: string; readonly received: string; readonly message: string };
}

/** Runs one case against the relay; every failure, of the relay or of the way to it, is in the report. */
export async function runCase(one: InteropCase, options: RunOptions): Promise<CaseReport> {
  const startMs = performance.now();
  const limitMs = one.limitMs * options.timeFactor;
  const signal = AbortSignal.timeout(limitMs);
  const peers = new Map<string, InteropPeer>();
  const report = (failure?: CaseReport['failure']): CaseReport => ({
    name: one.name,
    passed: failure === undefined,
    durationMs: Math.round(performance.now() - startMs),
    sessions: Object.fromEntries([...peers].map(([role, peer]) => [role, sessionReport(peer)])),
    ...(failure === undefined ? {} : { failure }),
  });
  try {
    await one.run({ connect: (role) => connect(role, signal, peers, options), delay });
    for (const peer of peers.values()) await leave(peer);
    return report();
  } catch (error) {
    return report(failureOf(error, limitMs));
  } finally {
    for (const peer of peers.values()) peer.command((session) => session.close(0, ''));
  }
}

async function connect(
  role: string,
  signal: AbortSignal,
  peers: Map<string, InteropPeer>,
  { runtime, transport, relay, log }: RunOptions,
): Promise<InteropPeer> {
  const peer = await InteropPeer.connect({
    ...{ runtime, transport, relay, signal },
    log: (line) => log?.(`${role}: ${line}`),
  });
  peers.set(role, peer);
  return peer;
}

/** A session that the relay ended meanwhile is a failure of every case. */
async function leave(peer: InteropPeer): Promise<void> {
  const end = await peer.close();
  if (end.remote) throw new CaseFailure('a session that lasts', closeText(end), 'the relay ended the session');
}

function sessionReport({ info }: InteropPeer): SessionReport {
  return { moqtVersion: info.protocol, transport: info.kind === 'webtransport' ? 'webtransport-h3' : 'quic' };
}

function failureOf(error: unknown, limitMs: number): NonNullable<CaseReport['failure']> {
  if (error instanceof CaseFailure) {
    const { expected, received, message } = error;
    return { expected, received, message: `${message} (limit ${limitMs} ms)` };
  }
  if (error instanceof TransportError) {
    const received = error.code === 'aborted' ? 'nothing' : error.code;
    return { expected: 'a connection', received, message: `${error.message} (limit ${limitMs} ms)` };
  }
  throw error;
}
