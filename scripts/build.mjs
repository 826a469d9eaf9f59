// Builds what changed: native addons with cargo, TypeScript with tsc. Every script of the workspace calls it first.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureSystemPackages } from './system-packages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const quiet = process.argv.includes('--quiet');

const systemAt = process.argv.indexOf('--system');
if (systemAt > 0) ensureSystemPackages((process.argv[systemAt + 1] ?? '').split(','));

const addons = ['quic', 'netlink'].filter((name) => existsSync(join(root, 'packages', name, 'Cargo.toml')));

buildRust();
buildTypeScript();

function buildRust() {
  if (!existsSync(join(root, 'Cargo.toml'))) return;
  const started = Date.now();
  if (!has('cargo')) fail('cargo is missing: install Rust 1.95 or newer, for instance with rustup');
  say('building the native addons (cargo, incremental)');
  const fresh = addons.every((name) => existsSync(addonPath(name)));
  run('cargo', ['build', '--release', '--locked', ...(fresh && quiet ? ['--quiet'] : [])]);
  for (const name of addons) installAddon(name);
  say(`native addons are ready (${seconds(started)})`);
}

/** cargo's output becomes the addon only when it changed: replacing the file of a running process would crash it. */
function installAddon(name) {
  const library = join(
    root,
    'target',
    'release',
    process.platform === 'darwin' ? `libhiggins_${name}.dylib` : `libhiggins_${name}.so`,
  );
  if (!existsSync(library)) return;
  const addon = addonPath(name);
  if (existsSync(addon) && readFileSync(addon).equals(readFileSync(library))) return;
  spawnSync('rm', ['-f', addon]);
  copyFileSync(library, addon);
}

function addonPath(name) {
  return join(root, 'packages', name, `higgins-${name}.node`);
}

function buildTypeScript() {
  const started = Date.now();
  say('building TypeScript (tsc -b, incremental)');
  run(join(root, 'node_modules', '.bin', 'tsc'), ['-b']);
  for (const file of binaries()) spawnSync('chmod', ['+x', file]);
  say(`TypeScript is ready (${seconds(started)})`);
}

function binaries() {
  const packages = [
    join(root, 'relay'),
    ...readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name)),
  ];
  return packages
    .map((directory) => join(directory, 'dist', 'main.js'))
    .filter((file) => existsSync(file) && (statSync(file).mode & 0o111) === 0);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) fail(`${command}: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

function has(command) {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

function say(text) {
  if (!quiet) process.stderr.write(`build: ${text}\n`);
}

function seconds(since) {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

function fail(text) {
  process.stderr.write(`build: ${text}\n`);
  process.exit(1);
}
