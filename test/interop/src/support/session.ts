import { InteropPeer } from '@higgins/cli';
import { MOQT_18 } from '@higgins/protocol';
import { QuicTransport } from '@higgins/quic';
import { NodeRuntime } from '@higgins/runtime/node';
import { Connection as MoqNet } from '@moq/net';
import type { TestIdentity } from './identity.js';
import { WebTransportShape } from './web-transport.js';

/** The W3C interface, which is not among Node's types. */
type Transport = NonNullable<MoqNet.ConnectProps['transport']>;

/** What any wait of these tests may take on a loaded machine. */
const BOUND_MS = 30_000;

/** Makes clients of both kinds towards one server; disposing it ends all of them. */
export class Clients implements AsyncDisposable {
  readonly runtime: NodeRuntime = new NodeRuntime({ directory: 'unused' });
  readonly transport: QuicTransport = new QuicTransport();
  readonly #identity: TestIdentity;

  constructor(identity: TestIdentity) {
    this.#identity = identity;
  }

  /** A bare client of ours. */
  ours(url: string): Promise<InteropPeer> {
    const { runtime, transport } = this;
    const relay = { url, authoritiesPem: this.#identity.authoritiesPem };
    return InteropPeer.connect({ runtime, transport, relay, signal: AbortSignal.timeout(BOUND_MS) });
  }

  /** A client of `@moq/net`, over our transport. */
  async theirs(url: string): Promise<MoqNet.Established> {
    const { authoritiesPem } = this.#identity;
    const connection = await this.transport.connect({ url, protocols: [MOQT_18.protocol], authoritiesPem });
    const transport = new WebTransportShape(connection, { quietEnd: true }) as unknown as Transport;
    return await MoqNet.connect(new URL(url), { transport });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
    this.runtime[Symbol.dispose]();
  }
}
