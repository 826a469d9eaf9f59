import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Outcome } from '../harness/benchmark.js';
import { HIGGINS } from '../harness/paths.js';
import { cpuTime, privateBytes } from '../harness/proc.js';
import { type JsonRecord, Program } from '../harness/process.js';
import { ForwardingNetwork, run } from './network.js';

const SERVICES = 100;
const MEMBERS = 50;
const INTERVAL_MS = 5_000;
const CHECKS_PER_SECOND = (SERVICES * MEMBERS * 1_000) / INTERVAL_MS;
const PORT = 9_000;
/** As in the example unit for systemd. */
const NODE_OPTIONS = 'NODE_OPTIONS=--max-semi-space-size=8';
const SECONDS = 20;
/** Until all tables are in the kernel and checks come at their pace. */
const STEADY_MS_MAX = 180_000;

/** Processor time and memory of `higgins lb run` with many services, all of whose members are checked. */
export async function measureProcess(directory: string, progress: (text: string) => void): Promise<readonly Outcome[]> {
  new ForwardingNetwork(directory);
  run('ip', 'route', 'add', 'local', '10.77.0.0/16', 'dev', 'lo');
  await using members = new Program('members', [process.execPath, '--input-type=module', '--eval', ACCEPTING]);
  const file = `${directory}/balancer.yaml`;
  // JSON is YAML.
  writeFileSync(
    file,
    JSON.stringify({ loadBalancers: Array.from({ length: SERVICES }, (_, index) => loadBalancer(index)) }),
  );
  progress(`${SERVICES} services of ${MEMBERS} members`);
  await using balancer = new Program('balancer', [
    ...['env', NODE_OPTIONS, ...HIGGINS, 'lb', 'run', '--config', file, '--log-level', 'warn'],
    ...['--state', `${directory}/state`, '--socket', `${directory}/control.sock`],
  ]);
  const isSteady = (record: JsonRecord) => Number(record['checks']) > CHECKS_PER_SECOND * 0.9;
  await members.record(isSteady, `${CHECKS_PER_SECOND} checks in a second`, STEADY_MS_MAX);
  progress(`${SECONDS} seconds of checks`);
  await delay(INTERVAL_MS * 2);
  const [before, startedMs] = [cpuTime(balancer.pid), performance.now()];
  const first = await members.record(isAfter(Date.now()), 'count', STEADY_MS_MAX);
  await delay(SECONDS * 1_000);
  const last = await members.record(isAfter(Date.now()), 'count', STEADY_MS_MAX);
  const [after, seconds] = [cpuTime(balancer.pid), (performance.now() - startedMs) / 1_000];
  const share = (used: number) => ({ value: used / seconds / 10_000, unit: '% of a processor' });
  return [
    {
      parameters: {
        services: SERVICES,
        members: MEMBERS,
        'checks per second': CHECKS_PER_SECOND,
        check: 'TCP',
        environment: NODE_OPTIONS,
      },
      figures: {
        'checks that members saw': {
          value:
            ((Number(last['total']) - Number(first['total'])) * 1_000) /
            (Number(last['wallMs']) - Number(first['wallMs'])),
          unit: 'per second',
        },
        'processor time': share(after.total - before.total),
        'of it, on the thread of JavaScript': share(after.main - before.main),
        'private memory': { value: privateBytes(balancer.pid) / 2 ** 20, unit: 'MiB' },
      },
    },
  ];
}

function isAfter(wallMs: number): (record: JsonRecord) => boolean {
  return (record) => Number(record['wallMs']) > wallMs;
}

function loadBalancer(index: number): object {
  const members = Array.from({ length: MEMBERS }, (_, member) => ({
    ...{ name: `member-${member}`, host: `10.77.${index}.${member + 1}`, port: PORT },
  }));
  const activeCheck = { type: 'tcp', intervalMs: INTERVAL_MS, timeoutMs: 2_000, rise: 1, fall: 3 };
  return {
    ...{ name: `service-${index}`, addresses: [`10.9.${index}.1`] },
    listeners: [{ name: 'all', protocol: 'tcp', port: 80, rules: [{ pool: 'servers' }] }],
    pools: [{ name: 'servers', activeCheck, members }],
  };
}

/** Accepts connections on every address, and prints once a second how many there were, and in all. */
const ACCEPTING = `
import { createServer } from 'node:net';
let checks = 0;
let total = 0;
createServer((socket) => {
  checks += 1;
  socket.on('error', () => {});
  socket.end();
}).listen({ port: ${PORT}, host: '0.0.0.0', backlog: 4096 });
setInterval(() => {
  total += checks;
  console.log(JSON.stringify({ checks, total, wallMs: Date.now() }));
  checks = 0;
}, 1000);`;
