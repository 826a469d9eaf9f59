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
    const hasProperties = properties !== undefined;
    const header = { trackAlias: this.alias, group, subgroup: 0, priority: 128, endOfGroup: true, firstObject: true };
    this.peer.command((session) => {
      const stream = session.openSubgroup(request, encodeSubgroupHeader({ ...header, hasProperties }), 128);
      for (const [index, payload] of payloads.entries()) {
        const object = { delta: 0, properties: properties ?? NONE, hasProperties, status: 'normal' as const, payload };
        session.writeData(stream, encodeSubgroupObject(object), index === payloads.length - 1);
      }
    });
  }
}

const NONE = new Uint8Array(0);

/** Bytes that differ from place to place and from seed to seed. */
export function pattern(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8) * 7 + seed * 101) & 0xff);
}
