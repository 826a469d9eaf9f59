import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeRuntime } from '@higgins/runtime/node';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { DnsResolver } from './dns-resolver.js';
import { PowerDns } from './powerdns.fixture.js';

const { signal } = new AbortController();

if (!PowerDns.isInstalled) {
  describe('names from PowerDNS', () => {
    it.skip('skipped: pdns-server with its bind backend is not installed', () => {});
  });
} else {
  await describeInNamespace('names from PowerDNS', import.meta.filename, ['network'], () => {
    let directory: string;
    let runtime: NodeRuntime;
    let resolver: DnsResolver;
    let servers: PowerDns[];

    beforeAll(() => void execFileSync('ip', ['link', 'set', 'lo', 'up']));

    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'higgins-powerdns-'));
      runtime = new NodeRuntime({ directory: join(directory, 'state') });
      const systemFiles = { resolvConf: join(directory, 'resolv.conf'), hosts: join(directory, 'hosts') };
      resolver = new DnsResolver({ clock: runtime, systemFiles });
      servers = [];
    });

    afterEach(async () => {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
      runtime[Symbol.dispose]();
      rmSync(directory, { recursive: true });
    });

    const start = async (address: string, records: readonly string[]) => {
      const server = await PowerDns.start(join(directory, `server${servers.length}`), address, records);
      servers.push(server);
      return server;
    };
    const resolve = (host: string, from: readonly string[]) => {
      const resolution = { servers: from, ttlMs: null, members: 'all' as const };
      return resolver.resolve({ host, families: [4, 6], resolution }, signal);
    };

    it('LOB-25, LOB-47: the first of three servers is down, the second says NXDOMAIN, the third is heard', async () => {
      await start('127.0.0.2', ['other 3 IN A 10.0.0.9']);
      await start('127.0.0.3', ['web 3 IN A 10.0.0.1']);
      const from = ['127.0.0.1', '127.0.0.2:53', '127.0.0.3:53'];
      expect(await resolve('web.lobby.example', from)).toEqual({ addresses: ['10.0.0.1'], ttlMs: 3_000 });
      await expect(resolve('nobody.lobby.example', from)).rejects.toThrow(
        'name "nobody.lobby.example": 127.0.0.1:53 refuses connections; ' +
          '127.0.0.2:53 says that the name does not exist (NXDOMAIN); ' +
          '127.0.0.3:53 says that the name does not exist (NXDOMAIN)',
      );
    });

    it('LOB-26, LOB-47: without servers of its own a name is asked of those in resolv.conf, also when they change', async () => {
      await start('127.0.0.2', ['web 3 IN A 10.0.0.1']);
      await start('127.0.0.3', ['web 3 IN A 10.0.0.2']);
      const resolvConf = join(directory, 'resolv.conf');
      writeFileSync(resolvConf, '# by hand\nsearch lobby.example\nnameserver nonsense\nnameserver 127.0.0.2\n');
      expect(await resolve('web.lobby.example', [])).toMatchObject({ addresses: ['10.0.0.1'] });
      writeFileSync(resolvConf, 'nameserver 127.0.0.1\nnameserver 127.0.0.3\n');
      expect(await resolve('web.lobby.example', [])).toMatchObject({ addresses: ['10.0.0.2'] });
    });

    it('LOB-48: an IPv6 server, A and AAAA together, an alias followed with the smallest TTL', async () => {
      await start('::1', ['web 60 IN A 10.0.0.1', 'web 30 IN AAAA fd00::1', 'www 20 IN CNAME web']);
      for (const server of ['::1', '[::1]:53']) {
        const addresses = ['10.0.0.1', 'fd00::1'];
        expect(await resolve('web.lobby.example', [server])).toEqual({ addresses, ttlMs: 30_000 });
        expect(await resolve('www.lobby.example', [server])).toEqual({ addresses, ttlMs: 20_000 });
      }
    });

    it('LOB-29, LOB-60: the answer follows the zone: four addresses, one added, one removed, one moved', async () => {
      const zone = (...last: number[]) => last.map((octet) => `web 1 IN A 10.0.0.${octet}`);
      const server = await start('127.0.0.2', zone(1, 2, 3, 4));
      const addresses = async () =>
        (await resolve('web.lobby.example', ['127.0.0.2'])).addresses.map((a) => a.slice(7));
      expect(await addresses()).toEqual(['1', '2', '3', '4']);
      for (const last of [
        [1, 2, 3, 4, 5],
        [2, 3, 4, 5],
        [2, 3, 4, 6],
      ]) {
        server.replace(zone(...last));
        expect(await addresses()).toEqual(last.map(String));
      }
    });

    it('takes an answer over TCP that is too large for a datagram', async () => {
      await start(
        '127.0.0.2',
        Array.from({ length: 250 }, (_, index) => `web 9 IN A 10.0.0.${index + 1}`),
      );
      expect((await resolve('web.lobby.example', ['127.0.0.2'])).addresses).toHaveLength(250);
    });
  });
}
