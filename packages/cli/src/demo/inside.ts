// The demo itself, inside the namespaces that `main.ts` made.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { StepReport } from '../isolated/report.js';
import { Acknowledgements } from './acknowledgements.js';
import { Lab, ORIGIN_PORT } from './lab.js';
import { LISTS, RELEASES, sourcesOf, UNLISTED } from './lists.js';
import { Steps } from './steps.js';

const POPS = ['fra1', 'ams1'];

const { values } = parseArgs({
  options: {
    directory: { type: 'string' },
    ttl: { type: 'string' },
    json: { type: 'string' },
    logs: { type: 'string' },
  },
});
const { directory, ttl } = values;
if (directory === undefined || ttl === undefined) throw new Error('expected --directory and --ttl');

const report = new StepReport();
try {
  await run(directory, ttl);
  process.stdout.write('\nEvery step was observed to hold.\n');
} catch (error) {
  // A failed step has already been printed; anything else is a fault of the demo.
  if (report.result().steps.every(({ ok }) => ok)) process.stderr.write(`demo: ${String(error)}\n`);
  process.stdout.write('\nThe demo failed.\n');
  process.exitCode = 1;
} finally {
  if (values.json !== undefined) report.writeJson(values.json);
}

async function run(directory: string, ttl: string): Promise<void> {
  await using lab = new Lab(directory, ttl, values.logs ?? join(directory, 'logs'));
  await using acknowledgements = new Acknowledgements();
  const steps = new Steps(lab, report, acknowledgements);
  await report.step('Two relays and two PoP agents start, each PoP in its own network namespace', () =>
    start(lab, acknowledgements),
  );
  await report.step(`A real list is published (release ${RELEASES[0]})`, () => steps.publish(RELEASES[0]));
  await report.step(`The next real release goes out (${RELEASES[1]})`, () => steps.publish(RELEASES[1]));
  await report.step('Packets prove it', () => steps.probeAll());
  await report.step(`Everything but the kernel is killed; the lists live for their TTL of ${ttl}`, () =>
    steps.expireAlone(),
  );
  await report.step('Everything starts again, converges by itself, and stops cleanly', async () => {
    const restarted = await steps.restart();
    return `${restarted}; ${await steps.stop()}`;
  });
}

async function start(lab: Lab, acknowledgements: Acknowledgements): Promise<string> {
  for (const name of POPS) await lab.network.addHost(name);
  const gateways = lab.network.hosts.map(({ gateway }) => gateway.ipv4);
  const clients = Object.fromEntries(['publisher', 'observer', ...POPS].map((name) => [name, []]));
  await lab.issueCertificates({ origin: ['127.0.0.1'], edge: ['127.0.0.1', ...gateways], ...clients });
  const sources = LISTS.flatMap((list) => [...Object.values(sourcesOf(list).listed), sourcesOf(list).added]);
  for (const address of new Set([...sources, ...Object.values(UNLISTED)])) lab.network.addOutsideAddress(address);
  await lab.startOrigin();
  await lab.startEdge();
  for (const pop of lab.network.hosts) {
    await lab.startService(pop);
    await lab.startAgent(pop);
    report.say(`${pop.name}: network namespace with ${pop.address.ipv4} and ${pop.address.ipv6}, agent runs`);
  }
  await acknowledgements.connect(`moqt://127.0.0.1:${ORIGIN_PORT}`, lab.tlsOf('observer'), POPS);
  return `origin relay (region A) on port ${ORIGIN_PORT}, edge relay (region B) below it, ${POPS.length} PoP agents below that`;
}
