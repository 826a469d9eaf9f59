import { Client, type Published } from '@higgins/client';
import { applied, formatPath, organisationList } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { type AuthoredList, type ListAuthor, versionOf } from './list-author.js';
import { CONNECTION_LIMITS } from './relay.js';
import { clientWords } from './words.js';

export interface PublisherProgramOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  readonly relays: readonly string[];
  readonly author: ListAuthor;
  readonly ttlMs: number;
  /** Pause between two versions: so much at least, and at random up to three times that; a burst now and then apart. */
  readonly intervalMs: number;
  /** No new versions from this world time on. */
  readonly untilMs: number;
  /** Whose acknowledgements are watched. */
  readonly pops: readonly string[];
  /** From then on each process writes every list once more: what a publisher needs that has an old disk. Default false. */
  readonly writesLast?: boolean;
}

/** Share of versions that the next one follows at once, and how soon. */
const BURST_RATE = 0.25;
const BURST_MS = 8;
const LAST_RETRY_MS = 1000;

/** Publishes the author's lists and watches the acknowledgements, as the control plane will. */
export function publisherProgram(options: PublisherProgramOptions): Program {
  return async (context) => {
    const { runtime, transport, note, mark, node, watch } = context;
    const { identity, authoritiesPem, relays } = options;
    const client = await Client.open({
      runtime,
      transport,
      writerId: node.name,
      relays: relays.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS })),
      onEvent(event) {
        note(clientWords(event));
        mark('publisher', event.kind);
      },
    });
    context.show(client);
    watch('publisher', client.counters);
    observeCommits(client, context, options);
    for (const pop of options.pops) void watchAcknowledgements(client, pop, context);
    author(client, context, options);
  };
}

function observeCommits(client: Client, { node, observe }: ProcessContext, { author }: PublisherProgramOptions): void {
  const tell: Parameters<typeof client.publisher.listen>[0]['committed'] = (track, { object, payload }) => {
    const path = formatPath(track.name);
    const written = author.lists.find((list) => list.track === path);
    const group = track.writer.newest?.group;
    if (written === undefined || group === undefined) return;
    const version = versionOf(payload);
    author.committed(path, version);
    observe({ kind: 'committed', node: node.name, track: path, group, object, payload, ttlMs: track.ttlMs, version });
  };
  // What the journal of an earlier process brings back is visible again from the start.
  for (const track of client.publisher.tracks()) {
    for (const object of track.writer.newest?.objects ?? []) tell(track, object, true);
  }
  client.publisher.listen({ committed: tell, retired() {} });
}

/** Writes the first version of each list, and more of them until its time is over. */
function author(client: Client, context: ProcessContext, options: PublisherProgramOptions): void {
  const { runtime, note } = context;
  // Now and then several versions in one breath, so that the older one can arrive last.
  const pause = () => (runtime.random() < BURST_RATE ? BURST_MS : options.intervalMs * 2) * (0.5 + runtime.random());
  const write = (list: AuthoredList) => {
    publish(client, list, context, options).catch((error: unknown) => note(`publish failed: ${String(error)}`));
  };
  const writeLast = (list: AuthoredList) => {
    publish(client, list, context, options).catch((error: unknown) => {
      note(`publish failed: ${String(error)}`);
      runtime.at(runtime.bootMs() + LAST_RETRY_MS, () => writeLast(list));
    });
  };
  const writeAny = () => {
    if (runtime.world.nowMs >= options.untilMs) {
      if (options.writesLast) options.author.lists.forEach(writeLast);
      return;
    }
    write(options.author.lists[Math.floor(runtime.random() * options.author.lists.length)]!);
    runtime.at(runtime.bootMs() + pause(), writeAny);
  };
  for (const list of options.author.lists) if (options.author.version(list.track) === 0) write(list);
  runtime.at(runtime.bootMs() + pause(), writeAny);
}

function publish(
  client: Client,
  list: AuthoredList,
  { runtime }: ProcessContext,
  { author, ttlMs }: PublisherProgramOptions,
): Promise<Published> {
  return client.publish(organisationList, list.params, author.write(list, runtime.wallMs()), { ttlMs });
}

async function watchAcknowledgements(client: Client, pop: string, { node, observe }: ProcessContext): Promise<void> {
  for await (const { current, changedKeys } of client.subscribeMap(applied, { pop })) {
    for (const track of changedKeys) {
      const acknowledgement = current?.value?.get(track);
      if (acknowledgement === undefined || acknowledgement.version === null) continue;
      const { result, version } = acknowledgement;
      if (result === 'applied') observe({ kind: 'acknowledged', node: node.name, pop, track, version });
    }
  }
}
