import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a balancer posts; see its webhooks. */
export interface ReceivedEvent {
  readonly id: string;
  readonly kind: string;
  readonly severity: string;
  readonly text: string;
  readonly event: Readonly<Record<string, unknown>>;
}

/** An HTTP server on loopback that takes events, and can be made to refuse them. */
export class EventReceiver implements AsyncDisposable {
  readonly events: ReceivedEvent[] = [];
  /** Requests that were answered with 503. */
  refusals = 0;
  /** While set, every request is answered with 503. */
  isRefusing = false;
  /** Called with each event before it is answered. */
  received: (event: ReceivedEvent) => void = () => {};
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', async (request, response) => {
      const event = JSON.parse(await text(request)) as ReceivedEvent;
      if (this.isRefusing) this.refusals += 1;
      else {
        this.events.push(event);
        this.received(event);
      }
      response.writeHead(this.isRefusing ? 503 : 204).end();
    });
  }

  static async open(): Promise<EventReceiver> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new EventReceiver(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/events`;
  }

  /** Events of the kind, and of members those that turned to the state. */
  of(kind: string, to?: string): ReceivedEvent[] {
    return this.events.filter((each) => each.kind === kind && (to === undefined || each.event['to'] === to));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
