import { createSession, driveSession, MOQT_18, type Notice, RequestErrorCode, type Session } from '@higgins/protocol';
import { VirtualMachine } from '@higgins/runtime';
import { memoryIdentity } from '@higgins/transport';
import { describe, expect, it } from 'vitest';
import { Bench, publishList } from '../../../../packages/client/src/testing/bench.js';
import { parseTarget } from '../../../../packages/quic/src/address.js';
import { TestWorld, trackOf } from '../../../../relay/src/core/testing/test-world.js';

/** A server that answers nothing by itself, and what the sessions of those who came were told. */
interface Recorder {
  readonly session: Session;
  readonly notices: Notice[];
  readonly pump: () => void;
}

/** Listens as `upstream` in a network; the list grows by each session. */
async function record(
  { world, network }: Pick<Bench, 'world' | 'network'>,
  port: number,
  answer: (session: Session, notice: Notice) => void = () => undefined,
): Promise<Recorder[]> {
  const runtime = new VirtualMachine(world, { name: 'upstream', uptimeMs: 0 }).start();
  const recorders: Recorder[] = [];
  const listening = network.transport(runtime, 'upstream').listen({
    host: 'upstream',
    port,
    identity: memoryIdentity({ issuer: 'test', subject: 'upstream' }),
    protocols: [MOQT_18.protocol],
    accept(connection) {
      const notices: Notice[] = [];
      const session = createSession({ role: 'server', profile: MOQT_18, setup: {} });
      const driver = driveSession(connection, session, {
        nowMs: () => runtime.bootMs(),
        at: (dueMs, run) => runtime.at(dueMs, run),
        onNotice(notice) {
          notices.push(notice);
          answer(session, notice);
        },
      });
      recorders.push({ session, notices, pump: () => driver.pump() });
    },
  });
  await world.runUntilSettled(listening, 1_000);
  return recorders;
}

const setupOf = (recorder: Recorder | undefined) => {
  const [first] = recorder?.notices ?? [];
  return first?.kind === 'setup' ? first.options : null;
};

describe('what the SDK says of itself', () => {
  async function dialled(url: string) {
    const bench = new Bench(1);
    const recorders = await record(bench, 4433);
    await bench.start('client', [], { relays: [{ url, insecure: true }] });
    await bench.until('a session', () => setupOf(recorders[0]) !== null);
    return setupOf(recorders[0]);
  }

  it('N047 N193 N197: SETUP has authority, path and query of the URI', async () => {
    expect(await dialled('moqt://upstream:4433/a/b?room=1')).toMatchObject({
      authority: 'upstream:4433',
      path: '/a/b?room=1',
    });
  });

  it('N203 N204 N205 N332 N333: SETUP names implementation and version, and nothing else', async () => {
    expect((await dialled('moqt://upstream:4433/'))?.implementation).toMatch(/^higgins-client\/\d+\.\d+\.\d+$/);
  });
});

describe('what a relay says of itself', () => {
  it('N047 N193 N197: SETUP has authority and path of the upstream', async () => {
    const world = new TestWorld();
    const recorders = await record(world, 4443);
    await world.relay('edge', { upstreams: ['upstream'] });
    await world.until(() => setupOf(recorders[0]) !== null);
    expect(setupOf(recorders[0])).toMatchObject({ authority: 'upstream:4443', path: '/' });
  });
});

describe('the SDK as publisher', () => {
  /** A server that subscribes to whatever is announced to it. */
  async function subscribed() {
    const bench = new Bench(2);
    const recorders = await record(bench, 4433, (session, notice) => {
      if (notice.kind === 'publish-namespace') session.acceptRequest(notice.request);
    });
    const node = await bench.start('client', ['upstream']);
    await publishList(bench, node, 1);
    const announced = () => recorders[0]?.notices.some(({ kind }) => kind === 'publish-namespace') ?? false;
    await bench.until('an announcement', announced);
    const [recorder] = recorders as [Recorder];
    const name = trackOf('org/acme/lists/blocked');
    const request = recorder.session.subscribe(name, {});
    recorder.pump();
    await bench.until('an answer', () => recorder.notices.some(({ kind }) => kind === 'subscribe-ok'));
    return { bench, node, recorder, request };
  }

  it('N017: sets FIRST_OBJECT on each Subgroup that it opens', async () => {
    const { bench, node, recorder } = await subscribed();
    await publishList(bench, node, 2);
    await bench.until('an object', () => recorder.notices.some(({ kind }) => kind === 'subgroup'));
    expect(recorder.notices.find(({ kind }) => kind === 'subgroup')).toMatchObject({ header: { firstObject: true } });
  });

  it('N294: ends the stream of a Group with it', async () => {
    const { bench, node, recorder } = await subscribed();
    const ended = () => recorder.notices.filter(({ kind }) => kind === 'subgroup-end').length;
    for (const version of [2, 3]) await publishList(bench, node, version);
    await bench.until('the ends of two groups', () => ended() === 2);
    const groups = recorder.notices.flatMap((notice) => (notice.kind === 'subgroup' ? [notice.header.group] : []));
    expect(new Set(groups).size).toBe(2);
  });

  it('N071: answers what it does not serve with NOT_SUPPORTED', async () => {
    const { bench, recorder } = await subscribed();
    const { namespace } = trackOf('org/acme/lists/blocked');
    const requests = [recorder.session.subscribeNamespace(namespace), recorder.session.subscribeTracks(namespace)];
    recorder.pump();
    const errors = () => recorder.notices.flatMap((notice) => (notice.kind === 'request-error' ? [notice] : []));
    await bench.until('answers', () => errors().length === 2);
    const code = RequestErrorCode.NOT_SUPPORTED;
    expect(errors().map(({ request, error }) => [request, error.code])).toEqual(requests.map((id) => [id, code]));
  });

  it('N127 N179: announces its namespaces, and tells its Largest Object', async () => {
    const { recorder } = await subscribed();
    const { namespace } = trackOf('org/acme/lists/blocked');
    expect(recorder.notices.find(({ kind }) => kind === 'publish-namespace')).toMatchObject({
      namespace: { key: namespace.key },
    });
    const ok = recorder.notices.find((notice) => notice.kind === 'subscribe-ok');
    expect(ok?.ok.largest).toMatchObject({ object: 0 });
  });

  it('N209 N212: after GOAWAY goes to the URI that it names, and asks for nothing more', async () => {
    const bench = new Bench(3);
    const recorders = await record(bench, 4433, (session, notice) => {
      if (notice.kind === 'publish-namespace') session.acceptRequest(notice.request);
    });
    const node = await bench.start('client', [], { relays: [{ url: 'moqt://upstream:4433/first', insecure: true }] });
    await bench.until('a session', () => setupOf(recorders[0]) !== null);
    recorders[0]?.session.goaway('moqt://upstream:4433/second', 10_000);
    recorders[0]?.pump();
    await bench.until('the next session', () => setupOf(recorders[1]) !== null);
    expect(setupOf(recorders[1])?.path).toBe('/second');
    const told = recorders[0]?.notices.length;
    await publishList(bench, node, 1);
    await bench.until('the announcement', () => recorders[1]!.notices.some(({ kind }) => kind === 'publish-namespace'));
    await bench.until('the end of the old session', () => recorders[0]!.notices.at(-1)?.kind === 'closed');
    expect(recorders[0]?.notices.slice(told).map(({ kind }) => kind)).toEqual(['closed']);
  });
});

it('N044: a moqt URI without a host is refused', () => {
  for (const url of ['moqt:///path', 'moqt://:4433/', 'moqt:path']) expect(() => parseTarget(url)).toThrow();
  expect(parseTarget('moqt://h/')).toMatchObject({ host: 'h', port: 443 });
});
