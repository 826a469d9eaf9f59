import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BalancerControl, ControlError } from '../core/status.js';
import { ControlClient } from './control-client.js';
import { serveControl } from './control-server.js';
import { REQUEST_BYTES_MAX } from './limits.js';

describe('control over the socket', () => {
  let directory: string;
  let path: string;
  let stack: AsyncDisposableStack;
  const asked: unknown[] = [];

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'higgins-control-'));
    path = join(directory, 'lb.sock');
    stack = new AsyncDisposableStack();
    stack.use(await serveControl(path, control()));
    asked.length = 0;
  });

  afterEach(async () => {
    await stack.disposeAsync();
    rmSync(directory, { recursive: true });
  });

  it('LOB-44: hands every request on as it was made, and its answer back', async () => {
    const client = new ControlClient(path);
    expect(await client.drain({ pool: 'web', member: 'a' }, { deadlineMs: null })).toEqual([]);
    expect(await client.undrain({ member: 'a' })).toEqual([]);
    expect(await client.reload()).toEqual({ revision: 2, changed: true });
    await client.flush();
    expect(await client.diffFile('x.yaml')).toEqual({ changed: false, services: [] });
    expect(asked).toEqual([
      ['drain', { pool: 'web', member: 'a' }, { deadlineMs: null }],
      ['undrain', { member: 'a' }],
      ['reload'],
      ['flush'],
      ['diffFile', join(process.cwd(), 'x.yaml')],
    ]);
  });

  it('gives errors their code, and says what is wrong with a request', async () => {
    const client = new ControlClient(path);
    await expect(client.diff()).rejects.toMatchObject({ code: 'refused', message: 'line 3: no' });
    await expect(client.status()).rejects.toMatchObject({ code: 'failed' });
    const bad = { member: 'a', colour: 'red' } as { member: string };
    await expect(client.undrain(bad)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('colour'),
    });
    expect(await raw('POST', '/drain', 'x'.repeat(REQUEST_BYTES_MAX + 1))).toMatchObject({ code: 'invalid' });
    expect(await raw('POST', '/drain', '{')).toMatchObject({ code: 'invalid' });
    expect(await raw('POST', '/constructor', '{}')).toMatchObject({ code: 'not-found' });
    expect(await raw('GET', '/status', '')).toMatchObject({ code: 'not-found' });
    expect(asked).toEqual([]);
  });

  it('is for its owner and group alone, and no second program takes it over', async () => {
    expect(statSync(path).mode & 0o777).toBe(0o660);
    await expect(serveControl(path, control())).rejects.toThrow('another program serves it');
  });

  it('ends a stream of events with its reader', async () => {
    const ended = new AbortController();
    const seen: unknown[] = [];
    for await (const event of new ControlClient(path).events(ended.signal)) {
      seen.push(event);
      if (seen.length === 2) ended.abort();
    }
    expect(seen.slice(0, 2)).toEqual([
      { kind: 'lost', events: 1 },
      { kind: 'lost', events: 2 },
    ]);
  });

  function control(): BalancerControl {
    return {
      status: () => Promise.reject(new Error('no')),
      explain: () => Promise.reject(new ControlError('invalid', 'no')),
      diff: () => Promise.reject(new ControlError('refused', 'line 3: no')),
      diffFile: async (file) => {
        asked.push(['diffFile', file]);
        return { changed: false, services: [] };
      },
      drain: async (selector, options) => {
        asked.push(['drain', selector, options]);
        return [];
      },
      undrain: async (selector) => {
        asked.push(['undrain', selector]);
        return [];
      },
      flush: async () => void asked.push(['flush']),
      reload: async () => {
        asked.push(['reload']);
        return { revision: 2, changed: true };
      },
      async *events(signal) {
        for (let events = 1; !signal.aborted && events < 10; events++) yield { kind: 'lost' as const, events };
      },
    };
  }

  async function raw(method: string, url: string, body: string): Promise<unknown> {
    const call = request({ socketPath: path, method, path: url });
    call.end(body);
    const [response] = (await once(call, 'response')) as [AsyncIterable<Buffer>];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  }
});
