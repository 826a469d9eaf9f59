// Watches several paths for a change of verdict and prints one JSON line for each. A process of its own, so that nothing
// else delays its packets: the lateness of an expiry is known to the pause between two of them.
import { type ExpectedChange, Probe } from './probe.js';

const changes = JSON.parse(process.argv[2] ?? '[]') as ExpectedChange[];
await Promise.all(
  changes.map(async (change) => {
    await using probe = await Probe.open(change.path);
    const seen = await probe.waitForChange(change).catch((error: Error) => ({ error: error.message }));
    process.stdout.write(`${JSON.stringify({ id: change.id, ...seen })}\n`);
  }),
);
