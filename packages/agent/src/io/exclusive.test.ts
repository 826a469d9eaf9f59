import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimExclusively } from './exclusive.js';

describe('claimExclusively', () => {
  let directory: string;
  /** Tables are known to the whole machine: no other run of this test has the same. */
  let table: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'higgins-claim-'));
    table = `test-${process.pid}`;
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it('lets one agent have a state directory, until it lets go of it', async () => {
    const state = join(directory, 'made', 'when needed'.repeat(12));
    const first = await claimExclusively(state, table);
    await expect(claimExclusively(state, `${table}-other`)).rejects.toThrow(
      `state directory ${state}: another agent uses it`,
    );
    await first[Symbol.asyncDispose]();
    expect(existsSync(join(state, 'agent.lock'))).toBe(false);
    await (await claimExclusively(state, table))[Symbol.asyncDispose]();
  });

  it('lets one agent of a network namespace have a table', async () => {
    await using _first = await claimExclusively(join(directory, 'one'), table);
    await expect(claimExclusively(join(directory, 'two'), table)).rejects.toThrow(
      `nft table inet ${table}: another agent of this network namespace enforces it`,
    );
    await using _other = await claimExclusively(join(directory, 'two'), `${table}-other`);
  });

  it('keeps nothing of a claim that failed', async () => {
    await using _first = await claimExclusively(join(directory, 'one'), table);
    await expect(claimExclusively(join(directory, 'one'), `${table}-other`)).rejects.toThrow('another agent uses it');
    await using _other = await claimExclusively(join(directory, 'two'), `${table}-other`);
  });

  it('takes over what a killed agent left', async () => {
    const path = join(directory, 'agent.lock');
    const program = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => console.log('listening'))`;
    const killed = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(killed.stdout, 'data');
    await expect(claimExclusively(directory, table)).rejects.toThrow('another agent uses it');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    expect(existsSync(path)).toBe(true);
    await (await claimExclusively(directory, table))[Symbol.asyncDispose]();
  });

  it('says that a state directory is none', async () => {
    const path = join(directory, 'file');
    writeFileSync(path, '');
    await expect(claimExclusively(path, table)).rejects.toThrow(`state directory ${path}: EEXIST`);
  });
});
