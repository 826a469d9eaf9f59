import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

/** Imports a module, makes objects of which many survive, and prints the room that short-lived ones have in the end. */
function roomAfter(module: string): number {
  const code = `
    await import(${JSON.stringify(module)});
    const { getHeapSpaceStatistics } = await import('node:v8');
    const kept = [];
    for (let index = 0; index < 800_000; index++) kept[index % 200_000] = { index, text: [index] };
    process.stdout.write(String(getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size));
  `;
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' }));
}

describe('room for short-lived objects', () => {
  it('does not grow with what survives', () => {
    const fixed = roomAfter(new URL('./short-lived-objects.ts', import.meta.url).href);
    expect(fixed).toBeLessThanOrEqual(4 * 1024 * 1024);
    expect(roomAfter('node:fs')).toBeGreaterThan(2 * fixed);
  });
});
