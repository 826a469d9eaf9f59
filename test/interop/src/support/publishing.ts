import type { InteropPeer } from '@higgins/cli';
import {
  encodeSubgroupHeader,
  encodeSubgroupObject,
  type FullTrackName,
  fullTrackName,
  type RequestId,
  trackNamespace,
  utf8,
} from '@higgins/protocol';

/** A track by text: `namespace` is split at its slashes. */
export function trackOf(namespace: string, name: string): FullTrackName {
  return fullTrackName(trackNamespace(namespace.split('/').map(utf8)), utf8(name));
}

/** A publisher of ours for one track, announced: it sends what it is told to whoever has subscribed. */
export class OurPublisher {
  readonly peer: InteropPeer;
  readonly alias: number;

  private constructor(peer: InteropPeer, alias: number) {
    this.peer = peer;
    this.alias = alias;
  }

  static async announce(peer: InteropPeer, track: FullTrackName, alias = 7): Promise<OurPublisher> {
    peer.serve(track, alias);
    await peer.announce(track.namespace);
    return new OurPublisher(peer, alias);
  }

  /** The next SUBSCRIBE, which has been accepted. */
  async subscribed(): Promise<RequestId> {
    return (await this.peer.next(['subscribe'], 'SUBSCRIBE')).request;
  }

  /** Sends a whole Group on one stream, as Objects 0 and up of Subgroup 0, each with these encoded properties. */
  send(request: RequestId, group: number, payloads: readonly Uint8Array[], properties?: Uint8Array): void {
    this.#open(request, group, properties)(payloads, true);
  }

  /** Begins a Group in the same way and leaves its stream open; what is returned sends the rest. */
  begin(request: RequestId, group: number, payloads: readonly Uint8Array[]): (rest: readonly Uint8Array[]) => void {
    const write = this.#open(request, group);
    write(payloads, false);
    return (rest) => write(rest, true);
  }

  #open(
    request: RequestId,
    group: number,
    properties?: Uint8Array,
  ): (payloads: readonly Uint8Array[], end: boolean) => void {
    const hasProperties = properties !== undefined;
    const header = { trackAlias: this.alias, group, subgroup: 0, priority: 128, endOfGroup: true, firstObject: true };
    const head = encodeSubgroupHeader({ ...header, hasProperties });
    const stream = this.peer.command((session) => session.openSubgroup(request, head, 128));
    return (payloads, end) => {
      this.peer.command((session) => {
        for (const [index, payload] of payloads.entries()) {
          const object = {
            delta: 0,
            properties: properties ?? NONE,
            hasProperties,
            status: 'normal' as const,
            payload,
          };
          session.writeData(stream, encodeSubgroupObject(object), end && index === payloads.length - 1);
        }
      });
    };
  }
}

const NONE = new Uint8Array(0);

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8) * 7 + seed * 101) & 0xff);
}

/**
 * Subscribes from a client, which starts the flow, sends the beginning of a Group, and joins with another client then.
 * Resolves with the places of so many Objects that this gets, sorted, since Groups may overtake each other; rejects if
 * bytes are wrong.
 */
export async function joinInMidGroup(
  track: FullTrackName,
  publisher: OurPublisher,
  first: InteropPeer,
  connect: () => Promise<InteropPeer>,
  count: number,
): Promise<string[]> {
  const payloads = [pattern(10, 1), pattern(20_000, 2), pattern(30_000, 3)];
  const next = pattern(8, 4);
  const started = first.command((session) => session.subscribe(track, {}));
  const request = await publisher.subscribed();
  const rest = publisher.begin(request, 0, payloads.slice(0, 2));
  for (const what of ['the first object', 'the second object']) await first.next(['object'], what, started);
  const late = await connect();
  const joined = late.command((session) => session.subscribe(track, { filter: { kind: 'largest-object' } }));
  await late.next(['subscribe-ok'], 'SUBSCRIBE_OK', joined);
  rest(payloads.slice(2));
  publisher.send(request, 1, [next]);
  const places: string[] = [];
  while (places.length < count) {
    const { group, object, payload } = (await late.next(['object'], 'an object', joined)).object;
    const place = `${group}/${object}`;
    places.push(place);
    const sent = group === 0 ? payloads[Number(object)] : next;
    if (sent === undefined || !isEqual(payload, sent)) throw new Error(`${place} came with other bytes than were sent`);
  }
  return places.sort();
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
