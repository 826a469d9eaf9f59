import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePrefix } from '@higgins/ipdata';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { Peer } from '../../../../../test/support/peer.js';
import { until } from '../../../../../test/support/until.js';
import { askBird, BirdError } from './bird-control.js';
import { BirdTarget } from './target.js';

const BIRD = '/usr/sbin/bird';
const route = (prefix: string, ...communities: string[]) => ({ prefix: parsePrefix(prefix), communities });

if (!existsSync(BIRD)) {
  describe('BIRD', () => {
    it.skip('skipped: BIRD (package bird2) is not installed', () => {});
  });
} else {
  await describeInNamespace('BIRD', import.meta.filename, ['network'], () => {
    let directory: string;
    let peer: Peer;
    const birds: ChildProcess[] = [];
    const path = (name: string) => join(directory, name);

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'higgins-bird-'));
      peer = await Peer.create(['10.5.0.1/24', 'fd05::1/64'], ['10.5.0.2/24', 'fd05::2/64']);
      writeFileSync(path('routes.conf'), '');
      start('node', [], nodeConfiguration(path('routes.conf')));
      start('router', peer.enter, ROUTER_CONFIGURATION);
      await until(() => established('router'));
    });

    afterAll(async () => {
      for (const bird of birds) bird.kill('SIGKILL');
      await peer[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    });

    function start(name: string, enter: readonly string[], configuration: string): void {
      writeFileSync(path(`${name}.conf`), configuration);
      const [command = '', ...args] = [...enter, BIRD, '-f', '-c', path(`${name}.conf`), '-s', path(`${name}.ctl`)];
      birds.push(spawn(command, args, { stdio: 'ignore' }));
    }

    async function established(name: string): Promise<boolean> {
      if (!existsSync(path(`${name}.ctl`))) return false;
      const { lines } = await askBird(path(`${name}.ctl`), 'show protocols', 2000);
      return lines.filter((line) => /BGP.*Established/.test(line)).length === 2;
    }

    const target = () => new BirdTarget({ file: path('routes.conf'), socket: path('node.ctl') });
    const seenByRouter = async () => (await askBird(path('router.ctl'), 'show route all', 2000)).lines.join('\n');
    const forwarding = () => execFileSync('nsenter', [...peer.enter.slice(1), 'ip', 'route'], { encoding: 'utf8' });

    it('L4-54: a route appears at the router with its communities, and vanishes', async () => {
      const routes = [route('10.9.9.9', '65000:100'), route('fd09::9', '65000:100', '4200000000:1:2')];
      expect(await target().announce(routes)).toBe(true);
      await until(async () => (await seenByRouter()).includes('10.9.9.9/32'));
      await until(async () => (await seenByRouter()).includes('fd09::9/128'));
      const seen = await seenByRouter();
      expect(seen).toContain('BGP.community: (65000,100)');
      expect(seen).toContain('BGP.large_community: (4200000000, 1, 2)');
      await until(() => forwarding().includes('10.9.9.9 via 10.5.0.1'));
      expect(await target().announce(routes)).toBe(false);
      expect(await target().announce([])).toBe(true);
      await until(async () => !/10\.9\.9\.9|fd09::9/.test(await seenByRouter()));
      await until(() => !forwarding().includes('10.9.9.9'));
    });

    it('L4-83: what somebody else took away is announced again', async () => {
      const routes = [route('10.9.9.9')];
      await target().announce(routes);
      await askBird(path('node.ctl'), 'disable higgins4', 2000);
      expect(await target().announces(routes)).toBe(false);
      writeFileSync(path('routes.conf'), '');
      await askBird(path('node.ctl'), 'configure', 2000);
      expect(await target().announce(routes)).toBe(true);
      await until(() => target().announces(routes));
    });

    it('a file that BIRD refuses is taken back, and the error has its words', async () => {
      const routes = [route('10.9.9.9')];
      await target().announce(routes);
      const before = readFileSync(path('routes.conf'), 'utf8');
      const configuration = nodeConfiguration(path('routes.conf'));
      writeFileSync(path('node.conf'), `${configuration}\nnonsense`);
      await expect(target().announce([])).rejects.toThrow(/BIRD refused "configure": .*syntax error/);
      expect(readFileSync(path('routes.conf'), 'utf8')).toBe(before);
      writeFileSync(path('node.conf'), configuration);
      expect(await target().announce([])).toBe(true);
    });

    it('names the socket where nobody answers', async () => {
      const nobody = new BirdTarget({ file: path('other.conf'), socket: path('nobody.ctl') });
      await expect(nobody.announces([])).rejects.toThrow(BirdError);
      await expect(nobody.announces([])).rejects.toThrow(/nobody\.ctl: .*ENOENT/);
    });
  });
}

/** The operator's part: what is included is exported, and never put into the node's own kernel. */
function nodeConfiguration(routes: string): string {
  return `
router id 10.5.0.1;
protocol device {}
include "${routes}";
filter services { if proto = "higgins4" || proto = "higgins6" then accept; reject; }
protocol bgp router4 { local 10.5.0.1 as 65001; neighbor 10.5.0.2 as 65002; ipv4 { import none; export filter services; }; }
protocol bgp router6 { local fd05::1 as 65001; neighbor fd05::2 as 65002; ipv6 { import none; export filter services; }; }
`;
}

const ROUTER_CONFIGURATION = `
router id 10.5.0.2;
protocol device {}
protocol kernel kernel4 { ipv4 { import none; export all; }; }
protocol kernel kernel6 { ipv6 { import none; export all; }; }
protocol bgp node4 { local 10.5.0.2 as 65002; neighbor 10.5.0.1 as 65001; ipv4 { import all; export none; }; }
protocol bgp node6 { local fd05::2 as 65002; neighbor fd05::1 as 65001; ipv6 { import all; export none; }; }
`;
