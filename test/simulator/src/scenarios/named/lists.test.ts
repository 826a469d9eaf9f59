import { type Applied, applied, organisationList } from '@higgins/signals';
import { describe, expect, it } from 'vitest';
import { agentProgram } from '../../programs/agent.js';
import { VirtualKernel } from '../../programs/kernel.js';
import { relayUrl } from '../../programs/relay.js';
import { BLOCKED, credentials, listOf, type Participant, Stage } from './stage.fixture.js';

const TTL_MS = 60_000;
const TRACK = `org/${BLOCKED.org}/lists/${BLOCKED.list}`;
const POPS = ['fra1', 'ams1', 'lhr1'];
/** What a flush takes on a disk of a server. */
const DISK_MS = 5;
/** Commit to acknowledgement in a healthy network. */
const LATENCY_MS_MAX = 1000;

describe('lists: enforcement and acknowledgement', { timeout: 300_000 }, () => {
  it('BUS-40, BUS-41: a PoP that comes online enforces the list within a second, and acknowledges each change as fast', async () => {
    const { stage, publisher, acknowledged } = await lab(40);
    await publisher.publishList(1, TTL_MS);
    await stage.until('the others have it', () => POPS.every((pop) => acknowledged(pop)?.version === 1));
    const kernel = addPop(stage, 'mad1');
    await stage.until('the newcomer enforces it', () => kernel.inForce(TRACK)?.version === 1, LATENCY_MS_MAX);
    for (let version = 2; version <= 20; version += 1) {
      await publisher.publishList(version, TTL_MS);
      const all = () => POPS.every((pop) => acknowledged(pop)?.version === version);
      await stage.until(
        `version ${version}`,
        () => all() && kernel.inForce(TRACK)?.version === version,
        LATENCY_MS_MAX,
      );
      await stage.run(300);
    }
  });

  it('BUS-90: a thousand edits of a list in one second end with the last one acknowledged by every PoP, within a second', async () => {
    const { stage, publisher, acknowledged } = await lab(90);
    await publisher.publishList(1, TTL_MS);
    await stage.until('the first version', () => POPS.every((pop) => acknowledged(pop)?.version === 1));
    const edits: Promise<unknown>[] = [];
    for (let version = 2; version <= 1001; version += 1) {
      edits.push(publisher.client.publish(organisationList, BLOCKED, listOf(version), { ttlMs: TTL_MS }));
      await stage.run(1);
    }
    await stage.until(
      'the last version',
      () => POPS.every((pop) => acknowledged(pop)?.version === 1001),
      LATENCY_MS_MAX,
    );
    await stage.settle(Promise.all(edits), 0);
  });

  it('BUS-92, BUS-93: a target that refuses is acknowledged with its reason, and not as applied; once it is well, as applied', async () => {
    const { stage, publisher, kernels, acknowledged } = await lab(93);
    await publisher.publishList(1, TTL_MS);
    await stage.until('the first version', () => POPS.every((pop) => acknowledged(pop)?.version === 1));
    const kernel = kernels.get('ams1')!;
    kernel.refusal = 'no memory for a set of this size';
    await publisher.publishList(2, TTL_MS);
    await stage.until(
      'the others have it',
      () => acknowledged('fra1')?.version === 2 && acknowledged('lhr1')?.version === 2,
    );
    await stage.until('the refusal', () => acknowledged('ams1')?.result === 'refused', LATENCY_MS_MAX);
    expect(acknowledged('ams1')).toMatchObject({ version: 2, reason: expect.stringContaining('no memory') });
    expect(kernel.inForce(TRACK)?.version).toBe(1);
    kernel.refusal = null;
    // The agent tries again by itself, every half minute at the latest.
    await stage.until('the cure', () => acknowledged('ams1')?.result === 'applied', 31_000);
    expect([acknowledged('ams1')?.version, kernel.inForce(TRACK)?.version]).toEqual([2, 2]);
  });
});

/** Two relays, a publisher that sees acknowledgements, and the production agents of three PoPs. */
async function lab(seed: number) {
  const stage = new Stage(seed);
  stage.relay('origin');
  stage.relay('edge', ['origin']);
  const publisher = await stage.participant('publisher', ['origin']);
  publisher.node.machine.disk.latencyMs = DISK_MS;
  const kernels = new Map(POPS.map((pop) => [pop, addPop(stage, pop)]));
  return { stage, publisher, kernels, acknowledged: acknowledgements(publisher) };
}

function addPop(stage: Stage, pop: string): VirtualKernel {
  const { authoritiesPem } = credentials;
  const lists = [{ params: BLOCKED, track: TRACK, expiry: listOf(1).expiry }];
  const node = stage.simulation.node({ name: pop }, (context) =>
    agentProgram({
      ...{ pop, identity: credentials.of(pop), authoritiesPem, relays: [relayUrl('edge')], lists, kernel },
      enforceMs: 3,
    })(context),
  );
  const kernel = new VirtualKernel(node.machine);
  node.machine.disk.latencyMs = DISK_MS;
  node.start();
  return kernel;
}

function acknowledgements({ client }: Participant): (pop: string) => Applied | undefined {
  const maps = new Map(POPS.map((pop) => [pop, client.subscribeMap(applied, { pop })]));
  return (pop) => maps.get(pop)?.current?.value?.get(TRACK);
}
