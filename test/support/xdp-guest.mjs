// Runs inside a microVM: has the XDP program choose members for many flows, through changes, and prints how often it chose
// as predicted as one line of JSON.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { buildMaglev, FIVE_TUPLE_KEY, FlowPredictor } from '../../packages/balancing/dist/index.js';
import { Xdp, xdpDevices, xdpObstacle } from '../../packages/netlink/dist/index.js';

const FLOWS = 500;
const VIP = Uint8Array.of(10, 9, 9, 9);
const OPTIONS = { size: 4093, seed: 1 };

const obstacle = xdpObstacle();
let right = 0;
let wrong = 0;
const programs = [];
if (obstacle === null) {
  execFileSync('/bin/busybox', ['ip', 'link', 'set', 'lo', 'up']);
  if (!existsSync('/sys/fs/bpf')) execFileSync('/bin/busybox', ['mount', '-t', 'sysfs', 'sysfs', '/sys']);
  const xdp = new Xdp({ directory: '/sys/fs/bpf/higgins/guest', mode: 'generic' });
  for (const weights of [
    [1, 1, 1],
    [1, 0, 1],
    [1, 2, 7],
  ]) {
    const table = buildMaglev(
      weights.map((weight, index) => ({ name: String(index), weight })),
      OPTIONS,
    );
    programs.push((await xdp.apply([service(table)])).program);
    for (let index = 0; index < FLOWS; index++) count(xdp, table, index);
  }
  if ((await xdp.verify()).length > 0) wrong++;
  await xdp.remove();
}
console.log(
  `RESULT ${JSON.stringify({ kernel: release(), obstacle, devices: obstacle ?? xdpDevices(), right, wrong, programs })}`,
);

function service({ members, slots }) {
  return {
    ...{ id: 'guest', family: 4, protocol: 17, port: 53, devices: ['lo'], addresses: [VIP], seed: OPTIONS.seed },
    ...{ fields: FIVE_TUPLE_KEY.fields, routed: false, slots },
    members: members.map((name) => {
      return { name, hop: { kind: 'neighbour', device: 'lo', mac: Uint8Array.of(2, 0, 0, 0, 0, Number(name)) } };
    }),
  };
}

function count(xdp, table, index) {
  const sourceAddress = Uint8Array.of(10, 1, index >> 8, index);
  const flow = {
    protocol: 'udp',
    sourceAddress,
    destinationAddress: VIP,
    sourcePort: 1024 + index,
    destinationPort: 53,
  };
  const predictor = new FlowPredictor({ kind: 'hash', key: FIVE_TUPLE_KEY, ...OPTIONS });
  const { verdict, frame } = xdp.run(frameOf(flow), 'lo');
  if (verdict === 'transmit' && String(frame[5]) === predictor.memberOf(flow, table)) right++;
  else wrong++;
}

function frameOf({ sourceAddress, sourcePort, destinationPort }) {
  const bytes = new Uint8Array(60);
  const view = new DataView(bytes.buffer);
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint16(16, 46);
  view.setUint8(22, 64);
  view.setUint8(23, 17);
  bytes.set(sourceAddress, 26);
  bytes.set(VIP, 30);
  view.setUint16(34, sourcePort);
  view.setUint16(36, destinationPort);
  return bytes;
}
