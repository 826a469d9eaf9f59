import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SHUTDOWN = fileURLToPath(new URL('./shutdown.ts', import.meta.url));

/** A program whose shutdown takes for ever, and that prints a line for each interrupt. */
function program(signalsUntilExit: number): string {
  return `
    import { onShutdown } from ${JSON.stringify(SHUTDOWN)};
    process.prependListener('SIGINT', () => process.stdout.write('interrupted\\n'));
    onShutdown(() => new Promise(() => {}), () => {}, ${signalsUntilExit});
    setInterval(() => {}, 1000);
    process.stdout.write('ready\\n');
  `;
}

describe('onShutdown', () => {
  it.each([2, 3])('LOB-43: the interrupt number %i ends the program at once with 130', async (count) => {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('ready');
    const closed = once(child, 'close');
    for (let sent = 0; sent < count; sent++) {
      child.kill('SIGINT');
      expect((await lines.next()).value).toBe('interrupted');
    }
    expect((await closed)[0]).toBe(130);
  });
});
