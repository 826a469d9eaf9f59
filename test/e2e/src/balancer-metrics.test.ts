import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeInNamespace } from '../../support/namespace.js';
import { SITE_ADDRESS, SiteLab } from '../../support/site-lab.js';
import { until } from '../../support/until.js';

const PROMETHEUS = '/usr/bin/prometheus';
const PROMTOOL = '/usr/bin/promtool';
const ALERTS = fileURLToPath(new URL('../../../examples/lb/alerts.yaml', import.meta.url));
const METRICS_PORT = 9600;
const PROMETHEUS_URL = 'http://127.0.0.1:9090';
const CONNECTIONS = 40;

if (!existsSync(PROMETHEUS) || !existsSync(PROMTOOL)) {
  describe('metrics of a balancer', () => {
    it.skip('skipped: Prometheus (package prometheus) is not installed', () => {});
  });
} else {
  await describeInNamespace('metrics of a balancer', import.meta.filename, ['network'], () => {
    let directory: string;
    let lab: SiteLab;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'higgins-metrics-'));
      lab = await SiteLab.create(directory, ['red', 'green']);
      writeFileSync(lab.path('lb.yaml'), JSON.stringify(lab.document('local')));
      const webhooks = [{ name: 'nobody', url: 'http://127.0.0.1:9/' }];
      await lab.startBalancer({ webhooks, admin: { port: METRICS_PORT } }, '--config', lab.path('lb.yaml'));
      await until(async () => (await lab.control.status()).pools[0]!.available === 2);
      await startPrometheus();
    });

    afterAll(async () => {
      await lab?.[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    });

    it('LOB-65: metrics are served on loopback alone, and promtool finds nothing to say about them', async () => {
      const { status, stdout, stderr } = spawnSync(PROMTOOL, ['check', 'metrics'], {
        input: await metrics(),
        encoding: 'utf8',
      });
      expect([status, stdout + stderr]).toEqual([0, '']);
      const sockets = execFileSync('ss', ['-Hltn', `sport = :${METRICS_PORT}`], { encoding: 'utf8' });
      expect(sockets.match(/\S+:9600/g)).toEqual(['127.0.0.1:9600']);
    });

    it('LOB-64, L4-71: Prometheus scrapes what clients did, counted by another', async () => {
      execFileSync('sh', ['-ec', WITNESS]);
      const before = await sums();
      const answers = await lab.visit(CONNECTIONS);
      const { packets, bytes } = witnessed();
      await until(async () => (await sums()).flows === before.flows + CONNECTIONS);
      await until(async () => (await sums()).packets === before.packets + packets);
      expect((await sums()).bytes).toBe(before.bytes + bytes);
      for (const backend of lab.backends) {
        const flows = await value(`higgins_balancer_member_flows_total{member="${backend}"}`);
        expect(flows).toBe(answers.filter((answer) => answer === backend).length);
        expect(await value(`higgins_balancer_member_checks_succeeded_total{member="${backend}"}`)).toBeGreaterThan(0);
      }
      expect(await value('higgins_balancer_pool_available_members')).toBe(2);
      expect(await value('higgins_balancer_kernel_in_force')).toBe(1);
      await lab.kill('red');
      await until(async () => (await value('higgins_balancer_ejections_total{reason="active-check-failure"}')) === 1);
      await until(async () => (await value('higgins_balancer_member_available{member="red"}')) === 0);
      const series = (await metrics()).split('\n').filter((line) => line.startsWith('higgins_'));
      expect(series.filter((line) => line.includes(lab.client.address.ipv4))).toEqual([]);
    });

    it('L4-71: the example alerts are valid, name metrics that there are, and fire', async () => {
      execFileSync(PROMTOOL, ['check', 'rules', ALERTS]);
      const text = await metrics();
      const named = new Set(readFileSync(ALERTS, 'utf8').match(/higgins_balancer_\w+/g));
      for (const metric of named) expect(text).toContain(`# TYPE ${metric} `);
      expect(text).toContain('higgins_balancer_configurations_total{result="refused"} 0');
      await lab.kill('red');
      await until(async () => (await alerts()).includes('BalancerMemberOut red'));
    });

    async function startPrometheus(): Promise<void> {
      // Loaded as they are, but for how long a condition must hold: a test does not wait minutes.
      writeFileSync(lab.path('alerts.yaml'), readFileSync(ALERTS, 'utf8').replaceAll(/for: \w+/g, 'for: 1s'));
      const scrape = { job_name: 'balancer', static_configs: [{ targets: [`127.0.0.1:${METRICS_PORT}`] }] };
      const global = { scrape_interval: '1s', evaluation_interval: '1s' };
      const configuration = { global, rule_files: [lab.path('alerts.yaml')], scrape_configs: [scrape] };
      writeFileSync(lab.path('prometheus.yml'), JSON.stringify(configuration));
      lab.spawn('prometheus', [
        PROMETHEUS,
        `--config.file=${lab.path('prometheus.yml')}`,
        `--storage.tsdb.path=${lab.path('series')}`,
        '--web.listen-address=127.0.0.1:9090',
      ]);
      await until(async () => (await value('up').catch(() => null)) === 1);
    }

    async function metrics(): Promise<string> {
      return await (await fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).text();
    }

    /** Of the listener, as Prometheus has them. */
    async function sums() {
      return {
        flows: (await value('higgins_balancer_service_flows_total')) ?? 0,
        packets: (await value('higgins_balancer_service_packets_total')) ?? 0,
        bytes: (await value('higgins_balancer_service_bytes_total')) ?? 0,
      };
    }
  });
}

/** The only value that an expression has in Prometheus; null if it has none. */
async function value(expression: string): Promise<number | null> {
  const response = await fetch(`${PROMETHEUS_URL}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
  expect(data.result.length).toBeLessThanOrEqual(1);
  return data.result[0] === undefined ? null : Number(data.result[0].value[1]);
}

/** Alerts that fire, with the member that they are about. */
async function alerts(): Promise<string[]> {
  const response = await fetch(`${PROMETHEUS_URL}/api/v1/alerts`);
  const { data } = (await response.json()) as {
    data: { alerts: { state: string; labels: { alertname: string; member?: string } }[] };
  };
  return data.alerts
    .filter(({ state }) => state === 'firing')
    .map(({ labels }) => `${labels.alertname} ${labels.member ?? ''}`.trim());
}

/** Counts the clients' packets before the balancer sees them. */
const WITNESS = `
  nft add table inet witness
  nft 'add chain inet witness in { type filter hook prerouting priority raw; }'
  nft add rule inet witness in iifname client ip daddr ${SITE_ADDRESS} tcp dport 80 counter`;

function witnessed(): { packets: number; bytes: number } {
  const text = execFileSync('nft', ['list', 'table', 'inet', 'witness'], { encoding: 'utf8' });
  const [, packets, bytes] = /counter packets (\d+) bytes (\d+)/.exec(text)!;
  return { packets: Number(packets), bytes: Number(bytes) };
}
