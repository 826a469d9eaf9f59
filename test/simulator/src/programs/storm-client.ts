import { Client, type ClientOptions, SubscriptionError } from '@higgins/client';
import { organisationList } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { events } from './data-content.js';
import { CONNECTION_LIMITS } from './relay.js';
import { STORM_ORGANISATION } from './storm-publisher.js';
import { clientWords } from './words.js';

export interface StormClientOptions extends Pick<ClientOptions, 'standby'> {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  /** URLs, in order of preference. */
  readonly relays: readonly string[];
  readonly lists: readonly string[];
  readonly events: readonly string[];
  /** Beside each consumer there is one that never looks. */
  readonly lazyConsumers?: boolean;
  /** Tracks come and go: each is followed for about so long, and left for as long. Default: followed for ever. */
  readonly churnMs?: number;
}

/** When those come that never look: while the session is up already. */
const LAZY_MS = 3_000;

/** Little is on its way to a client that does not read: its relay feels it soon. */
const LIMITS = { ...CONNECTION_LIMITS, connectionWindowBytes: 32 * 1024, streamWindowBytes: 16 * 1024 };

/** The track of an event subscription, as observations name it. */
export function eventTrack(id: string): string {
  return `simulated/events/${id}`;
}

export function listTrack(list: string): string {
  return `org/${STORM_ORGANISATION}/lists/${list}`;
}

/** A consumer that keeps nothing on disk: there can be thousands of it. */
export function stormClientProgram(options: StormClientOptions): Program {
  return async (context) => {
    const { runtime, transport, note, node } = context;
    const { identity, authoritiesPem, relays, standby = false } = options;
    const client = await Client.open({
      ...{ runtime, transport, standby, persistent: false, writerId: node.name },
      relays: relays.map((url) => ({ url, authoritiesPem, identity, limits: LIMITS })),
      onEvent: (event) => note(clientWords(event)),
    });
    context.show(client);
    for (const list of options.lists) follow(client, context, options, list);
    for (const id of options.events) void followEvents(client, context, id);
  };
}

function follow(client: Client, context: ProcessContext, options: StormClientOptions, list: string): void {
  const { churnMs, lazyConsumers = false } = options;
  const { runtime } = context;
  const params = { org: STORM_ORGANISATION, list };
  if (lazyConsumers) runtime.at(runtime.bootMs() + LAZY_MS, () => client.subscribe(organisationList, params));
  if (churnMs === undefined) {
    void followList(client, context, list, new AbortController());
    return;
  }
  const pauseMs = () => churnMs * (0.5 + runtime.random());
  const begin = () => {
    const end = new AbortController();
    void followList(client, context, list, end);
    runtime.at(runtime.bootMs() + pauseMs(), () => {
      end.abort();
      runtime.at(runtime.bootMs() + pauseMs(), begin);
    });
  };
  begin();
}

async function followList(client: Client, context: ProcessContext, list: string, end: AbortController): Promise<void> {
  const track = listTrack(list);
  const { node, observe } = context;
  const options = { signal: end.signal };
  let [group, condition] = [-1, ''];
  await untilRefused(context, track, async () => {
    for await (const { current } of client.subscribe(organisationList, { org: STORM_ORGANISATION, list }, options)) {
      if (current === null || current.value === null) continue;
      if (current.group !== group) {
        group = current.group;
        observe({ kind: 'received', node: node.name, track, group, payload: organisationList.encode(current.value) });
      }
      if (current.condition === condition) continue;
      condition = current.condition;
      observe({ kind: 'condition', node: node.name, track, condition: current.condition });
    }
  });
}

async function followEvents(client: Client, context: ProcessContext, id: string): Promise<void> {
  const { node, observe } = context;
  const track = eventTrack(id);
  let lost = false;
  await untilRefused(context, track, async () => {
    for await (const { current, valueChanged, gaps } of client.subscribe(events, { id })) {
      lost ||= gaps > 0;
      if (!valueChanged || current === null || current.value === null) continue;
      const { group, object, value } = current;
      observe({ kind: 'delivered', node: node.name, track, group, object, payload: events.encode(value), lost });
      lost = false;
    }
  });
}

/** A subscription that ends by itself, and for good, is something that its consumer would have to take care of. */
async function untilRefused({ node, observe }: ProcessContext, track: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof SubscriptionError)) throw error;
    observe({ kind: 'ended', node: node.name, track, reason: error.message });
  }
}
