import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import { platformPackage } from './native.js';
import { testAuthority } from './testing/pair.js';

const MODULE = new URL('../dist/index.js', import.meta.url).href;
let source: string;

beforeAll(async () => {
  if (!existsSync(fileURLToPath(MODULE))) throw new Error('build the package first: these tests start other programs');
  const identity = await (await testAuthority()).issue('server');
  source = `
    const { QuicTransport } = await import(${JSON.stringify(MODULE)});
    const ignore = () => {};
    const events = { opened: ignore, data: ignore, reset: ignore, stopSending: ignore, datagram: ignore, credit: ignore, drained: ignore, closed: ignore };
    const transport = new QuicTransport();
    const listener = await transport.listen({
      host: '127.0.0.1', port: 0, identity: ${JSON.stringify(identity)}, protocols: ['moqt-18'],
      accept: (connection) => connection.listen(events),
    });
    const connection = await transport.connect({
      url: 'moqt://127.0.0.1:' + listener.port, protocols: ['moqt-18'], insecure: true,
    });
  `;
});

/** Runs a module and returns how it ended. */
async function run(code: string): Promise<{ status: number | null; signal: string | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { timeout: 30_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
  const [status, signal] = await once(child, 'close');
  return { status, signal, output };
}

describe('a process with the addon', () => {
  it('ends by itself once the transport is closed', async () => {
    const result = await run(`${source} connection.listen(events); await transport.close(); console.log('closed');`);
    expect(result).toEqual({ status: 0, signal: null, output: 'closed\n' });
  });

  it('ends by process.exit with connections open', async () => {
    expect(await run(`${source} process.exit(3);`)).toMatchObject({ status: 3, signal: null });
  });

  it('sees what an event handler throws as an uncaught exception', async () => {
    const result = await run(
      `${source}
      process.on('uncaughtException', (error) => { console.log('caught', error.message); transport.close(); });
      connection.listen({ ...events, closed: () => { throw new Error('thrown by a handler'); } });
      connection.close(1, 'over');`,
    );
    expect(result).toEqual({ status: 0, signal: null, output: 'caught thrown by a handler\n' });
  });

  it('outlives workers that are terminated without close', async () => {
    for (let round = 0; round < 3; round += 1) {
      const code = `(async () => {${source} require('node:worker_threads').parentPort.postMessage('up'); })();`;
      const workers = [1, 2, 3].map(() => new Worker(code, { eval: true, execArgv: [] }));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      await Promise.all(workers.map((worker) => worker.terminate()));
    }
  });

  it('names both places where the addon may be', () => {
    expect(platformPackage()).toMatch(/^@higgins\/quic-(linux|darwin)-(x64|arm64)(-gnu|-musl)?$/);
  });
});
