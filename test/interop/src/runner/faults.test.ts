import { type CaseReport, interopCases, runCase } from '@higgins/cli';
import { type Notice, RequestErrorCode, type Session } from '@higgins/protocol';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeIdentity, type TestIdentity } from '../support/identity.js';
import { listen, listenScripted } from '../support/server.js';

const REFUSAL = { code: RequestErrorCode.NOT_SUPPORTED, reason: 'not today', retryIntervalMs: null };
/** Where an answer comes it has ample time, however busy the machine; where none comes the test waits it out. */
const AMPLE = 20;
const SHORT = 1;

let identity: TestIdentity;
let runtime: NodeRuntime;
let transport: QuicTransport;

beforeAll(async () => {
  identity = await makeIdentity();
  runtime = new NodeRuntime({ directory: 'unused' });
  transport = new QuicTransport();
});

afterAll(async () => {
  await transport?.close();
  runtime?.[Symbol.dispose]();
  identity?.[Symbol.dispose]();
});

describe('the cases fail where a relay', () => {
  it('never sends SETUP', async () => {
    await using server = await listen(identity, () => {});
    expect((await run('setup-only', server.port, SHORT)).failure).toMatchObject({
      expected: 'SETUP',
      received: 'nothing',
    });
  });

  it('refuses a namespace', async () => {
    const refuse = (session: Session, notice: Notice) => {
      if (notice.kind === 'publish-namespace') session.reject(notice.request, REFUSAL);
    };
    for (const name of ['announce-only', 'publish-namespace-done', 'announce-subscribe']) {
      expect((await against(refuse, name)).failure).toMatchObject({
        expected: 'REQUEST_OK',
        received: 'REQUEST_ERROR NOT_SUPPORTED (not today)',
      });
    }
  });

  it('does not answer once a namespace was withdrawn', async () => {
    let answered = false;
    const report = await against(
      (session, notice) => {
        if (notice.kind !== 'publish-namespace' || answered) return;
        session.acceptRequest(notice.request);
        answered = true;
      },
      'publish-namespace-done',
      SHORT,
    );
    expect(report.failure).toMatchObject({ expected: 'an answer after the withdrawal', received: 'nothing' });
  });

  it('accepts a SUBSCRIBE to what nobody has, or resets it', async () => {
    const accepted = await against((session, notice) => {
      if (notice.kind === 'subscribe') session.acceptSubscribe(notice.request, { trackAlias: 1 });
    }, 'subscribe-error');
    expect(accepted.failure).toMatchObject({ expected: 'REQUEST_ERROR', received: 'SUBSCRIBE_OK' });
    const reset = await against((session, notice) => {
      if (notice.kind === 'subscribe') session.abort(notice.request, 1);
    }, 'subscribe-error');
    expect(reset.failure).toMatchObject({ expected: 'REQUEST_ERROR', received: 'a reset request stream' });
  });

  it('does not find a publisher that has announced itself', async () => {
    const report = await against((session, notice) => {
      if (notice.kind === 'publish-namespace') session.acceptRequest(notice.request);
      if (notice.kind === 'subscribe') session.reject(notice.request, REFUSAL);
    }, 'announce-subscribe');
    expect(report.failure).toMatchObject({
      expected: 'SUBSCRIBE_OK',
      received: 'REQUEST_ERROR NOT_SUPPORTED (not today)',
    });
    expect(Object.keys(report.sessions)).toEqual(['publisher', 'subscriber']);
  });

  it('leaves a SUBSCRIBE without an answer', async () => {
    const report = await against(
      (session, notice) => {
        if (notice.kind === 'publish-namespace') session.acceptRequest(notice.request);
      },
      'subscribe-before-announce',
      SHORT,
    );
    expect(report.failure).toMatchObject({ expected: 'an answer to SUBSCRIBE', received: 'nothing' });
  });

  it('ends the session by itself', async () => {
    const report = await against((session, notice) => {
      if (notice.kind === 'publish-namespace') session.close(0x3, 'no');
    }, 'announce-only');
    expect(report.failure?.received).toBe('a session closed with PROTOCOL_VIOLATION by the relay (no)');
  });
});

it('a relay may refuse a SUBSCRIBE that comes too early instead of waiting', async () => {
  const report = await against((session, notice) => {
    if (notice.kind === 'publish-namespace') session.acceptRequest(notice.request);
    if (notice.kind === 'subscribe') session.reject(notice.request, REFUSAL);
  }, 'subscribe-before-announce');
  expect(report).toMatchObject({ passed: true });
});

async function against(
  respond: (session: Session, notice: Notice) => void,
  name: string,
  timeFactor = AMPLE,
): Promise<CaseReport> {
  await using server = await listenScripted(identity, runtime, respond);
  return await run(name, server.port, timeFactor);
}

function run(name: string, port: number, timeFactor: number): Promise<CaseReport> {
  const one = interopCases.find((candidate) => candidate.name === name);
  if (one === undefined) throw new Error(`no case ${name}`);
  const relay = { url: `moqt://127.0.0.1:${port}`, authoritiesPem: identity.authoritiesPem };
  return runCase(one, { runtime, transport, relay, timeFactor });
}
