// Debian packages that a command needs: installed when the user is root and apt is there, else named with the command.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Debian package → a file that it brings. */
const FILES = {
  nftables: '/usr/sbin/nft',
  iproute2: '/usr/sbin/ip',
  chromium: '/usr/bin/chromium',
  clang: '/usr/bin/clang',
  'libbpf-dev': '/usr/include/bpf/bpf_helpers.h',
};

/** Makes sure that the packages are there; returns the names of those that still are not. */
export function ensureSystemPackages(names) {
  const missing = names.filter((name) => !existsSync(FILES[name]));
  if (missing.length === 0) return [];
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    process.stderr.write(`missing: ${missing.join(', ')}; install with: ${command}\n`);
    return missing;
  }
  process.stderr.write(`installing ${missing.join(', ')}: ${command}\n`);
  const options = { stdio: ['ignore', 2, 2], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  spawnSync('apt-get', ['update', '-q'], options);
  spawnSync('apt-get', command.split(' ').slice(1), options);
  return names.filter((name) => !existsSync(FILES[name]));
}
