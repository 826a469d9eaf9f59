import {
  createSession,
  driveSession,
  encodeSubgroupHeader,
  encodeSubgroupObject,
  FetchObjectEncoder,
  MOQT_18,
  type Notice,
  type RequestId,
  type Session,
  type SessionDriver,
} from '@higgins/protocol';
import { encodeObjectProperties, encodeTrackProperties, type Shape } from '@higgins/signals';
import { memoryIdentity } from '@higgins/transport';
import type { Bench } from './bench.js';

type NoticeOf<Kind extends Notice['kind']> = Extract<Notice, { readonly kind: Kind }>;

/** An object that the relay has. */
export interface RelayObject {
  readonly group: number;
  readonly object: number;
  readonly payload: Uint8Array;
  readonly ttlMs?: number;
}

/** What a scripted relay does with requests; it answers nothing by itself. */
export interface RelayScript {
  subscribe?(relay: ScriptedRelay, notice: NoticeOf<'subscribe'>): void;
  fetch?(relay: ScriptedRelay, notice: NoticeOf<'fetch'>): void;
  update?(relay: ScriptedRelay, notice: NoticeOf<'update'>): void;
}

const PORT = 4433;

/** One session of a relay that does exactly what a test tells it, over a real session and the in-memory network. */
export class ScriptedRelay {
  readonly session: Session;
  readonly driver: SessionDriver;

  constructor(session: Session, driver: SessionDriver) {
    this.session = session;
    this.driver = driver;
  }

  /** Listens on a machine; the latest session is the last of the returned list. */
  static async listen(bench: Bench, name: string, script: RelayScript): Promise<ScriptedRelay[]> {
    const runtime = bench.machine(name).start();
    const relays: ScriptedRelay[] = [];
    await bench.settle(
      bench.network.transport(runtime).listen({
        host: name,
        port: PORT,
        identity: memoryIdentity({ issuer: 'test', subject: name }),
        protocols: [MOQT_18.protocol],
        accept(connection) {
          const session = createSession({ role: 'server', profile: MOQT_18, setup: {} });
          const driver = driveSession(connection, session, {
            nowMs: () => runtime.bootMs(),
            at: (dueMs, run) => runtime.at(dueMs, run),
            onNotice: (notice) => {
              if (notice.kind === 'subscribe') script.subscribe?.(relay, notice);
              if (notice.kind === 'fetch') script.fetch?.(relay, notice);
              if (notice.kind === 'update') script.update?.(relay, notice);
            },
          });
          const relay = new ScriptedRelay(session, driver);
          relays.push(relay);
        },
      }),
    );
    return relays;
  }

  accept(request: RequestId, shape: Shape, largest?: { group: number; object: number }): void {
    const trackProperties = encodeTrackProperties({ shape, contentFormat: 'cbor', writerId: 'w' });
    const ok = { trackAlias: this.session.trackAlias(0), trackProperties };
    this.session.acceptSubscribe(request, largest === undefined ? ok : { ...ok, largest });
    this.driver.pump();
  }

  /** Sends objects of one group on a stream of their own. */
  live(request: RequestId, objects: readonly RelayObject[], fin: boolean): void {
    const [first] = objects;
    if (first === undefined) return;
    const head = encodeSubgroupHeader({
      trackAlias: 0,
      group: first.group,
      subgroup: 0,
      priority: null,
      endOfGroup: true,
      firstObject: first.object === 0,
      hasProperties: true,
    });
    const stream = this.session.openSubgroup(request, head, 0);
    let previous: number | null = null;
    for (const { object, payload, ttlMs = 60_000 } of objects) {
      const delta: number = previous === null ? object : object - previous - 1;
      previous = object;
      const properties = encodeObjectProperties({ ttlMs, publishTimeMs: 1_000 });
      const bytes = encodeSubgroupObject({ delta, properties, payload, hasProperties: true, status: 'normal' });
      this.session.writeData(stream, bytes, false);
    }
    if (fin) this.session.writeData(stream, new Uint8Array(0), true);
    this.driver.pump();
  }

  /** Answers a fetch with these objects, in this order. */
  answer(request: RequestId, shape: Shape, objects: readonly RelayObject[], descending: boolean): void {
    const trackProperties = encodeTrackProperties({ shape, contentFormat: 'cbor', writerId: 'w' });
    const end = { group: Math.max(...objects.map(({ group }) => group)), object: 0 };
    this.session.acceptFetch(request, { endOfTrack: false, end, trackProperties });
    const stream = this.session.openFetch(request, 0);
    const encoder = new FetchObjectEncoder(descending ? 'descending' : 'ascending');
    for (const { group, object, payload, ttlMs = 60_000 } of objects) {
      const properties = encodeObjectProperties({ ttlMs, publishTimeMs: 1_000 });
      const bytes = encoder.object({
        group,
        object,
        subgroup: 0,
        status: 'normal',
        priority: 128,
        properties,
        payload,
      });
      this.session.writeData(stream, bytes, false);
    }
    this.session.writeData(stream, new Uint8Array(0), true);
    this.driver.pump();
  }
}
