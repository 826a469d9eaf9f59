import { Client } from '@higgins/client';
import { formatPath, organisationList, parseListEntries } from '@higgins/signals';
import type { Identity } from '@higgins/transport';
import type { ProcessContext, Program } from '../frame/node.js';
import { events } from './data-content.js';
import { versionOf } from './list-author.js';
import { CONNECTION_LIMITS } from './relay.js';
import { clientWords } from './words.js';

/** What one publisher writes, on a schedule that follows from its numbers and nothing else. */
export interface StormContent {
  /** Names of lists of `simulated`, each of which changes in its turn. */
  readonly lists: readonly string[];
  /** Pause between two changes, of whichever list's turn it is; null: each is written once. */
  readonly listIntervalMs: number | null;
  /** Entries of each list, which make its size: about 7 bytes each. */
  readonly entries: number;
  readonly ttlMs: number;
  /** Event tracks, to each of which something is written every `eventIntervalMs`. */
  readonly events: readonly string[];
  readonly eventIntervalMs: number;
}

export interface StormPublisherOptions {
  readonly identity: Identity;
  readonly authoritiesPem: string;
  readonly relays: readonly string[];
  readonly content: StormContent;
  /** Nothing new from this world time on. */
  readonly untilMs: number;
}

/** The organisation of all lists of load scenarios. */
export const STORM_ORGANISATION = 'simulated';

/** Publishes lists and events at a steady pace: whatever comes late has been held up on its way. */
export function stormPublisherProgram({ content, untilMs, ...options }: StormPublisherOptions): Program {
  return async (context) => {
    const { runtime, transport, note, node } = context;
    const { identity, authoritiesPem, relays } = options;
    const client = await Client.open({
      runtime,
      transport,
      writerId: node.name,
      relays: relays.map((url) => ({ url, authoritiesPem, identity, limits: CONNECTION_LIMITS })),
      onEvent: (event) => note(clientWords(event)),
    });
    context.show(client);
    observeCommits(client, context);
    for (const list of content.lists) write(client, context, content, list);
    repeat(context, content.listIntervalMs, untilMs, (turn) =>
      write(client, context, content, content.lists[turn % content.lists.length]!),
    );
    repeat(context, content.events.length === 0 ? null : content.eventIntervalMs, untilMs, (turn) => {
      for (const id of content.events) settle(context, client.publish(events, { id }, `${turn}:${node.name}`));
    });
  };
}

function observeCommits({ publisher }: Client, { node, observe }: ProcessContext): void {
  publisher.listen({
    committed(track, { object, payload }) {
      const group = track.writer.newest?.group;
      const path = formatPath(track.name);
      if (group === undefined) return;
      const isList = track.signalId === organisationList.id;
      const version = isList ? versionOf(payload) : null;
      observe({ kind: 'committed', node: node.name, track: path, group, object, payload, ttlMs: track.ttlMs, version });
    },
    retired() {},
  });
}

function write(client: Client, context: ProcessContext, { entries, ttlMs }: StormContent, list: string): void {
  const version = Math.floor(context.runtime.world.nowMs) + 1;
  const value = {
    owner: STORM_ORGANISATION,
    version,
    createdWallMs: null,
    expiry: 'open' as const,
    entries: parseListEntries(
      Array.from({ length: entries }, (_, index) => `10.${(index >> 8) & 255}.${index & 255}.${version % 256}`),
    ),
  };
  settle(context, client.publish(organisationList, { org: STORM_ORGANISATION, list }, value, { ttlMs }));
}

function settle({ note }: ProcessContext, commit: Promise<unknown>): void {
  commit.catch((error: unknown) => note(`publish failed: ${String(error)}`));
}

/** By the world's time, so that a process that was paused goes on in step. */
function repeat(
  { runtime }: ProcessContext,
  everyMs: number | null,
  untilMs: number,
  run: (turn: number) => void,
): void {
  if (everyMs === null) return;
  let turn = Math.floor(runtime.world.nowMs / everyMs);
  const next = () => {
    if (runtime.world.nowMs >= untilMs) return;
    turn += 1;
    run(turn);
    runtime.at(runtime.bootMs() + everyMs, next);
  };
  runtime.at(runtime.bootMs() + everyMs, next);
}
