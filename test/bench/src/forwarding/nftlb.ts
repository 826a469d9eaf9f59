import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { hasTool } from './isolation.js';
import { run } from './network.js';

/** A virtual service of nftlb by source address and port. */
export interface FarmShape {
  readonly name: string;
  readonly mode: 'dnat' | 'dsr';
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
  readonly backends: readonly string[];
}

const KEY = 'benchmark';
const URL = 'http://127.0.0.1:5555/farms';
const START_MS_MAX = 10_000;

/** Why Debian's balancer of the same kind can't be measured; null if it can. */
export function obstacleOfNftlb(): string | null {
  return hasTool('nftlb') ? null : 'Debian package nftlb is not installed';
}

/** Writes rules for the farms, and ends. */
export function applyFarms(directory: string, farms: readonly FarmShape[]): void {
  run('nftlb', '-e', '-c', configuration(directory, farms));
}

/** nftlb as a service, which takes changes over its interface. */
export class Nftlb implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(directory: string, farms: readonly FarmShape[]): Promise<Nftlb> {
    const child = spawn('nftlb', ['-k', KEY, '-H', '127.0.0.1', '-c', configuration(directory, farms)], {
      stdio: 'ignore',
    });
    const service = new Nftlb(child);
    const end = performance.now() + START_MS_MAX;
    while (!(await service.#answers())) {
      if (performance.now() > end) throw new Error('nftlb does not answer');
      await delay(20);
    }
    return service;
  }

  /** Resolves when nftlb has answered, which it does when its rules are in the kernel. */
  async setState(farm: string, backend: number, state: 'up' | 'down'): Promise<void> {
    const change = { farms: [{ name: farm, backends: [{ name: `backend${backend}`, state }] }] };
    const response = await fetch(URL, { method: 'PUT', headers: { Key: KEY }, body: JSON.stringify(change) });
    if (!response.ok) throw new Error(`nftlb answers with ${response.status}`);
    await response.text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await ended;
    run('nft', 'flush ruleset');
  }

  async #answers(): Promise<boolean> {
    return await fetch(URL, { headers: { Key: KEY } }).then(
      (response) => response.ok,
      () => false,
    );
  }
}

function configuration(directory: string, farms: readonly FarmShape[]): string {
  const file = `${directory}/nftlb.json`;
  writeFileSync(file, JSON.stringify({ farms: farms.map(farmOf) }));
  return file;
}

function farmOf({ name, mode, address, port, protocol, backends }: FarmShape): object {
  return {
    ...{ name, family: 'ipv4', 'virtual-addr': address, 'virtual-ports': String(port), protocol, mode },
    ...{ scheduler: 'hash', 'sched-param': 'srcip srcport', state: 'up' },
    backends: backends.map((backend, index) => ({
      ...{ name: `backend${index}`, 'ip-addr': backend, weight: '1', priority: '1', state: 'up' },
      ...(mode === 'dnat' ? { port: String(port) } : {}),
    })),
  };
}
