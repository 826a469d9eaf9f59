import { Counter, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { serveOperations } from './operations.js';

async function withServer(notReady: () => string | null, use: (base: string, port: number) => Promise<void>) {
  const registry = new Registry();
  new Counter({ name: 'example_total', help: 'An example.', registers: [registry] }).inc(3);
  const routes = { '/sessions': () => [{ id: 1 }] };
  await using server = await serveOperations({ port: 0, registry, notReady, routes });
  await use(`http://127.0.0.1:${server.port}`, server.port);
}

it('serves metrics, liveness and readiness on loopback', async () => {
  let reason: string | null = 'no upstream';
  await withServer(
    () => reason,
    async (base) => {
      expect(await (await fetch(`${base}/metrics`)).text()).toContain('example_total 3');
      expect((await fetch(`${base}/livez`)).status).toBe(200);
      const waiting = await fetch(`${base}/readyz`);
      expect([waiting.status, await waiting.text()]).toEqual([503, 'no upstream\n']);
      reason = null;
      expect((await fetch(`${base}/readyz`)).status).toBe(200);
      expect(await (await fetch(`${base}/sessions`)).json()).toEqual([{ id: 1 }]);
      expect((await fetch(`${base}/constructor`)).status).toBe(404);
      expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
    },
  );
});

it('says in one sentence that the port is in use', async () => {
  await withServer(
    () => null,
    async (_base, port) => {
      const second = serveOperations({ port, registry: new Registry(), notReady: () => null });
      await expect(second).rejects.toThrow(
        `operations endpoint 127.0.0.1:${port}: the port is in use by another program`,
      );
    },
  );
});
