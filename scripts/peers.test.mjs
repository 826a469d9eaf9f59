import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PEERS, whereIs } from './peers.mjs';

const script = fileURLToPath(new URL('./peers.mjs', import.meta.url));

function peers(...args) {
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });
}

describe('the list of peers', () => {
  it('names each once, with one version, and says where its program lies', () => {
    expect(new Set(PEERS.map(({ name }) => name)).size).toBe(PEERS.length);
    for (const { version, program, purpose } of PEERS) {
      expect(version).toMatch(/^\d+(\.\d+)*$/);
      expect(program).toMatch(/^\//);
      expect(purpose).not.toBe('');
    }
  });

  it('says for each whether it is there', () => {
    const { stdout, status } = peers('list');
    expect(status).toBe(0);
    for (const { name, version } of PEERS) {
      expect(stdout).toContain(`${name} ${version}  ${whereIs(name) ?? 'not installed'}`);
      expect(peers('where', name)).toMatchObject(
        whereIs(name) === null ? { status: 1, stdout: '' } : { status: 0, stdout: `${whereIs(name)}\n` },
      );
    }
  });

  it('refuses a name that it does not know', () => {
    const { stderr, status } = peers('where', 'teapot');
    expect([status, stderr]).toEqual([1, expect.stringContaining('no peer "teapot": expected one of moq-relay')]);
  });
});
