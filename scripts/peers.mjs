// Programs that others wrote and that our tests and benchmarks run beside ours: the one list of them, and their
// installation. What takes long to build lies in the cache folder; whatever needs a program that is absent skips by name.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `pnpm peers:install [NAME...] [--jobs N]   installs what is missing, all of it without a name
node scripts/peers.mjs list               each peer, its version, and whether it is there
node scripts/peers.mjs where NAME         prints the path of a program; exit code 1 if it is not there`;

const root = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(root, '.cache', 'peers');

/**
 * name: what tests and benchmarks call it. version: the only one that is used. program: where it lies. check: arguments
 * whose output holds the version. install: makes it so that the program lies there; returns whether that worked.
 */
export const PEERS = [
  {
    name: 'moq-relay',
    version: '0.17.10',
    purpose: 'an MOQT relay in Rust (moq-dev), for test/interop; builds for 15 minutes and more',
    program: cached('moq-relay', '0.17.10', 'bin/moq-relay'),
    check: ['--version'],
    // Its own lock file names a dependency that the registry does not serve any more, so the version of the crate is
    // what is locked.
    install: cargoInstall({ arguments: ['--no-default-features', '--features', 'noq,websocket'] }),
  },
];

/** The program of a peer, or null if it is not there in the right version. */
export function whereIs(name) {
  const { program, check, version } = peerOf(name);
  if (!existsSync(program)) return null;
  const { stdout, stderr } = spawnSync(program, check, { encoding: 'utf8', timeout: 10_000 });
  return `${stdout}${stderr}`.includes(version) ? program : null;
}

function peerOf(name) {
  const peer = PEERS.find((one) => one.name === name);
  if (peer === undefined) fail(`no peer "${name}": expected one of ${PEERS.map((one) => one.name).join(', ')}`);
  return peer;
}

/** A folder of the cache holds one version of one peer. */
function cached(name, version, program) {
  return join(CACHE, `${name}-${version}`, program);
}

/** Builds a crate with cargo, out of the way of everything else on the machine. */
function cargoInstall({ arguments: extra }) {
  return ({ name, version }, { jobs }) => {
    const folder = cached(name, version, '');
    const unfinished = `${folder.replace(/\/$/, '')}.unfinished`;
    mkdirSync(unfinished, { recursive: true });
    const target = join(unfinished, 'target');
    const command = ['cargo', 'install', name, '--version', `=${version}`, ...extra];
    const { status, error } = spawnSync(
      'nice',
      ['-n', '15', ...command, '--jobs', jobs, '--root', unfinished, '--target-dir', target, '--force'],
      { stdio: ['ignore', 2, 2] },
    );
    if (error) fail(`${name}: ${error.message}`);
    // What was built is kept for the next attempt.
    if (status !== 0) return false;
    rmSync(target, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(unfinished, folder);
    return true;
  };
}

function installAll(names, jobs) {
  const peers = names.length === 0 ? PEERS : names.map(peerOf);
  const failed = peers.filter((peer) => !installOne(peer, jobs));
  if (failed.length > 0) fail(`not installed: ${failed.map(({ name }) => name).join(', ')}`);
}

function installOne(peer, jobs) {
  if (whereIs(peer.name) === null) {
    say(`installing ${peer.name} ${peer.version}: ${peer.purpose}`);
    if (!peer.install(peer, { jobs }) || whereIs(peer.name) === null) return false;
  }
  say(`${peer.name} ${peer.version} is ready: ${peer.program}`);
  return true;
}

function list() {
  for (const { name, version, purpose } of PEERS) {
    process.stdout.write(`${name} ${version}  ${whereIs(name) ?? 'not installed'}\n  ${purpose}\n`);
  }
}

function say(text) {
  process.stderr.write(`peers: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

function main() {
  const { values, positionals } = parseArgs({
    options: { jobs: { type: 'string', default: '1' }, help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  const [command, ...names] = positionals;
  if (command === 'install' && /^\d+$/.test(values.jobs)) installAll(names, values.jobs);
  else if (command === 'list' && names.length === 0) list();
  else if (command === 'where' && names.length === 1) {
    const program = whereIs(names[0]);
    if (program === null) process.exit(1);
    process.stdout.write(`${program}\n`);
  } else {
    process.stdout.write(`${HELP}\n`);
    process.exit(values.help ? 0 : 2);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
