import type { FullTrackName, Notice, Session, TrackNamespace } from '@higgins/protocol';
import { keepRawSession, type RawSession } from '../../programs/raw-session.js';
import { relayUrl } from '../../programs/relay.js';
import { credentials, type Stage } from './stage.fixture.js';

/** A client that knows MOQT and nothing of ours: sees what a relay says, without the SDK's judgement. */
export class ForeignPeer {
  readonly name: string;
  /** Namespaces that the relay says are published, by their keys. */
  readonly namespaces = new Set<string>();
  /** Objects that came, live or fetched. */
  objects = 0;
  #raw: RawSession | null = null;

  private constructor(stage: Stage, name: string, relay: string) {
    this.name = name;
    const { authoritiesPem } = credentials;
    const node = stage.simulation.node({ name }, (context) =>
      keepRawSession(context, {
        ...{ url: relayUrl(relay), identity: credentials.of(name), authoritiesPem },
        up: (raw) => {
          this.#raw = raw;
        },
        down: () => {
          this.#raw = null;
        },
        noticed: (_raw, notice) => this.#noticed(notice),
      }),
    );
    node.start();
  }

  /** Connects to a relay. */
  static async connect(stage: Stage, name: string, relay: string): Promise<ForeignPeer> {
    const peer = new ForeignPeer(stage, name, relay);
    await stage.until(`${name} has a session`, () => peer.#raw !== null);
    return peer;
  }

  /** Asks for the namespaces below a prefix. */
  watch(prefix: TrackNamespace): void {
    this.#command((session) => session.subscribeNamespace(prefix));
  }

  /** Follows a track with a joining FETCH, as any newcomer does. */
  join(name: FullTrackName): void {
    this.#command((session) => {
      const subscription = session.subscribe(name, { filter: { kind: 'largest-object' } });
      session.fetch({ kind: 'relative-joining', subscription, groupsBack: 0 }, {});
    });
  }

  /** Asks for everything that a cache has of a track. */
  fetchAll(name: FullTrackName): void {
    const start = { group: 0, object: 0 };
    const end = { group: Number.MAX_SAFE_INTEGER, object: 0 };
    this.#command((session) => session.fetch({ kind: 'standalone', name, start, end }, { fillTimeoutMs: 0 }));
  }

  #noticed(notice: Notice): void {
    if (notice.kind === 'object' || notice.kind === 'fetch-object') this.objects += 1;
    else if (notice.kind === 'namespace') this.namespaces.add(notice.namespace.key);
    else if (notice.kind === 'namespace-done') this.namespaces.delete(notice.namespace.key);
  }

  #command(run: (session: Session) => void): void {
    if (this.#raw === null) throw new Error(`${this.name} has no session`);
    run(this.#raw.session);
    this.#raw.pump();
  }
}
