import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { missingFeature, probeFeatures } from './features.js';
import { type KernelReport, probeKernel } from './findings.js';
import { serviceOf } from './maglev.fixture.js';

const ALL_RIGHTS = 'CapEff:\t000001ffffffffff';

await describeInNamespace('kernel probe', import.meta.filename, ['network', 'user'], () => {
  let proc: string;

  beforeEach(() => {
    shell('nft flush ruleset');
    proc = mkdtempSync(join(tmpdir(), 'higgins-proc-'));
    write('self/status', `Name:\tnode\n${ALL_RIGHTS}\n`);
  });

  afterEach(() => rmSync(proc, { recursive: true }));

  it('L4-85: every feature is named, with what needs it, and why it is absent', async () => {
    const before = shell('nft list ruleset');
    const features = await probeFeatures();
    const present = features.filter((feature) => feature.present).map(({ name }) => name);
    expect(present).toEqual(
      expect.arrayContaining([
        'destination-translation',
        'slot-maps',
        'connection-limits',
        'flow-timeouts',
        'packet-copies',
        'ingress-hook',
      ]),
    );
    for (const { present: has, reason } of features) expect(has).toBe(reason === null);
    expect(features.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['flowtable', 'ipvs', 'xdp', 'sctp', 'synproxy', 'tproxy', 'queue']),
    );
    expect(shell('nft list ruleset')).toBe(before);
  });

  it('L4-85: only what needs an absent feature is refused', async () => {
    const features = (await probeFeatures()).map((feature) =>
      feature.name === 'connection-limits' ? { ...feature, present: false, reason: 'no module' } : feature,
    );
    const plain = serviceOf({ id: 'web', addresses: ['10.9.0.9'], members: { '10.2.0.11': 1 } });
    expect(missingFeature(plain, features)).toBeNull();
    expect(missingFeature({ ...plain, connections: 5 }, features)).toBe(
      'this kernel lacks connection-limits (no module), which limits of open connections takes',
    );
  });

  it('L4-87, LOB-38: wrong settings are named with their remedy, and not changed', async () => {
    write('sys/net/ipv4/ip_forward', '0');
    write('sys/net/ipv6/conf/all/forwarding', '0');
    write('sys/net/ipv4/conf/eth0/rp_filter', '1');
    write('sys/net/ipv4/conf/eth1/rp_filter', '2');
    write('sys/net/bridge/bridge-nf-call-iptables', '1');
    write('sys/net/netfilter/nf_conntrack_max', '4096');
    const { findings } = await probeKernel(proc);
    expect(findings.map(({ severity, about, remedy }) => `${severity} ${about}: ${remedy}`)).toEqual([
      'warning net.ipv4.ip_forward: sysctl -w net.ipv4.ip_forward=1',
      'warning net.ipv6.conf.all.forwarding: sysctl -w net.ipv6.conf.all.forwarding=1',
      'warning net.ipv4.conf.eth0.rp_filter: sysctl -w net.ipv4.conf.eth0.rp_filter=2',
      'warning net.bridge.bridge-nf-call-iptables: sysctl -w net.bridge.bridge-nf-call-iptables=0',
      'warning net.netfilter.nf_conntrack_max: sysctl -w net.netfilter.nf_conntrack_max=262144',
    ]);
  });

  it('L4-87, LOB-38: right settings are not mentioned', async () => {
    write('sys/net/ipv4/ip_forward', '1');
    write('sys/net/ipv6/conf/all/forwarding', '1');
    write('sys/net/ipv4/conf/all/rp_filter', '0');
    write('sys/net/netfilter/nf_conntrack_max', '262144');
    expect((await probeKernel(proc)).findings).toEqual([]);
  });

  it('LOB-38: a chain of others that drops what is forwarded is named', async () => {
    shell(
      "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'",
    );
    const [finding] = (await probeKernel(proc)).findings;
    expect(finding).toMatchObject({ severity: 'warning', about: 'chain ip filter FORWARD' });
    shell(finding!.remedy);
  });

  it('L4-61, LOB-38: that members can not be looked at is named, whatever keeps the node from it', async () => {
    const refused = 'opening a packet socket: Address family not supported by protocol (os error 97)';
    expect((await probeKernel(proc, refused)).findings).toMatchObject([
      { severity: 'warning', about: 'packet sockets', message: expect.stringContaining(refused) },
    ]);
    write('self/status', 'CapEff:\t0000000000001000\n');
    expect((await probeKernel(proc, 'opening a packet socket: Operation not permitted')).findings).toMatchObject([
      { severity: 'warning', about: 'CAP_NET_RAW', message: expect.stringContaining("can't be looked at") },
    ]);
  });

  it('LOB-38: without the right to change the ruleset the report says so, and how to give it', () => {
    const program = fileURLToPath(new URL('../../../dist/targets/maglev/findings.js', import.meta.url));
    const script = `const { probeKernel } = await import(${JSON.stringify(program)}); console.log(JSON.stringify(await probeKernel()))`;
    const drop = [
      '--inh-caps=-all',
      '--bounding-set=-net_admin,-net_raw',
      '--',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    const { features, findings } = JSON.parse(execFileSync('setpriv', drop, { encoding: 'utf8' })) as KernelReport;
    expect(features).toEqual([]);
    expect(findings.find(({ severity }) => severity === 'fatal')).toMatchObject({
      about: 'CAP_NET_ADMIN',
      remedy: 'run it as root, or give its service AmbientCapabilities=CAP_NET_ADMIN',
    });
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(proc, path)), { recursive: true });
    writeFileSync(join(proc, path), text);
  }
});
