// Builds the native addon and puts it where the loader finds it in a clone.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const workspace = fileURLToPath(new URL('../../..', import.meta.url));
const library = process.platform === 'darwin' ? 'libhiggins_quic.dylib' : 'libhiggins_quic.so';
const built = join(workspace, 'target', 'release', library);
const addon = fileURLToPath(new URL('../higgins-quic.node', import.meta.url));

const { status, error } = spawnSync('cargo', ['build', '--release', '--locked', '--package', 'higgins-quic'], {
  cwd: workspace,
  stdio: 'inherit',
});
if (error) {
  process.stderr.write(`build: cargo cannot be run: ${error.message}\n`);
  process.exit(1);
}
if (status !== 0) process.exit(status ?? 1);

// The file may be mapped by a running process: it is replaced, never written into, and only when it changed.
if (!existsSync(addon) || !readFileSync(addon).equals(readFileSync(built))) {
  rmSync(addon, { force: true });
  copyFileSync(built, addon);
}
