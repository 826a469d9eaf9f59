// A client of the lab: opens connections one after another until told to stop, and prints a JSON line for each: which
// backend answered, to which address and port, how long it took, or what went wrong. With `--hold` it keeps one connection open and
// asks on it again and again.
import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

/** A request that takes longer counts as failed. */
const REQUEST_MS_MAX = 2_000;

const { values, positionals } = parseArgs({
  options: { count: { type: 'string' }, 'pause-ms': { type: 'string' }, hold: { type: 'boolean' } },
  allowPositionals: true,
});
const [host = '', port = '', ...sources] = positionals;
const count = Number(values.count ?? Number.POSITIVE_INFINITY);
const pauseMs = Number(values['pause-ms'] ?? 0);
const agent = new Agent({ keepAlive: values.hold ?? false, maxSockets: 1 });

let stopping = false;
process.once('SIGTERM', () => {
  stopping = true;
});
for (let done = 0; done < count && !stopping; done++) {
  process.stdout.write(`${JSON.stringify(await request(sources[values.hold ? 0 : done % sources.length]!))}\n`);
  if (pauseMs > 0) await pause(pauseMs);
}
agent.destroy();
process.stdout.write('{"msg":"done"}\n');

function request(localAddress: string): Promise<object> {
  const startedWallMs = Date.now();
  const started = performance.now();
  return new Promise((resolve) => {
    const sent = get({ host, port, agent, localAddress, timeout: REQUEST_MS_MAX }, (response) => {
      let backend = '';
      const sourcePort = response.socket.localPort;
      response.setEncoding('utf8').on('data', (text: string) => {
        backend += text;
      });
      response.on('end', () =>
        resolve({ startedWallMs, backend, source: localAddress, sourcePort, tookMs: performance.now() - started }),
      );
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${REQUEST_MS_MAX} ms`)));
    sent.on('error', (error) => resolve({ startedWallMs, error: error.message }));
  });
}
