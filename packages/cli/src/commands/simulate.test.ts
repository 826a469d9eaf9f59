import { afterEach, expect, it, vi } from 'vitest';
import { CommandError, ExitCode } from '../output.js';
import { createProgram } from '../program.js';
import { loadSimulator } from './simulate.js';

afterEach(() => {
  vi.restoreAllMocks();
});

it('prints what happens in a seed, with the options of the simulator itself', { timeout: 300_000 }, async () => {
  const lines: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  const options = ['--scenario', 'two-tiers', '--seed', '8', '--timeline'];
  await createProgram().parseAsync(['node', 'higgins', 'simulate', ...options]);
  expect(lines[0]).toContain('two-tiers, seed 8');
  expect(lines.filter((line) => line.includes('publisher publishes org/acme/lists/')).length).toBeGreaterThan(5);
  expect(lines.filter((line) => line.includes(' fault ')).length).toBeGreaterThan(1);
  expect(lines.at(-1)).toContain('0 violations');
});

it('says where the simulator is to be had when it is not installed', async () => {
  const missing = Object.assign(new Error("Cannot find package '@higgins/simulator'"), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
  const load = loadSimulator(() => Promise.reject(missing));
  await expect(load).rejects.toThrow(CommandError);
  await expect(load).rejects.toMatchObject({
    exitCode: ExitCode.usage,
    message:
      'the simulator is not part of this installation, expected a clone of the repository: run `pnpm higgins simulate` there',
  });
});

it('does not hide a fault of the simulator behind that', async () => {
  await expect(loadSimulator(() => Promise.reject(new TypeError('broken')))).rejects.toThrow(TypeError);
});
