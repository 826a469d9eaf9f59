import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const KERNEL = fileURLToPath(new URL('../../.cache/debian-kernel', import.meta.url));
const BUSYBOX = '/usr/bin/busybox';
/** What the initial file system needs to see the host's. */
const BOOT_MODULES = ['virtio_pci', '9pnet_virtio', '9p'];
/** Emulated, a kernel boots in 10 s and a program starts in 4 s; a busy machine takes several times that. */
const RUN_MS_MAX = 170_000;

/** Why no microVM with Debian's kernel can be started here, or null. */
export function whyNoMicroVm(): string | null {
  const commands = ['qemu-system-x86_64', 'cpio', 'modprobe'];
  const missing = commands.find(
    (command) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${command}`]).status !== 0,
  );
  if (missing) return `${missing} is not installed`;
  if (!existsSync(BUSYBOX)) return 'busybox-static is not installed';
  return kernelVersion() === null ? 'no Debian kernel: run test/support/debian-kernel.sh' : null;
}

/** The version of Debian's kernel that microVMs boot, or null. */
export function kernelVersion(): string | null {
  const directory = join(KERNEL, 'boot');
  const images = existsSync(directory) ? readdirSync(directory) : [];
  return images.find((name) => name.startsWith('vmlinuz-'))?.slice('vmlinuz-'.length) ?? null;
}

/**
 * Boots Debian's kernel, loads `modules`, runs a Node.js program with the host's files (read-only), and returns what the
 * console showed. The program has a kernel of its own: it is root there, and can't harm this machine.
 */
export async function runInMicroVm(program: string, modules: readonly string[]): Promise<string> {
  const version = kernelVersion();
  const directory = mkdtempSync(join(tmpdir(), 'higgins-microvm-'));
  try {
    const initrd = initialFileSystem(directory, `${version}`, [process.execPath, program], modules);
    const machine = spawn(
      'qemu-system-x86_64',
      [
        ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', '1024', '-smp', '2', '-nographic', '-no-reboot'],
        ...['-kernel', join(KERNEL, 'boot', `vmlinuz-${version}`), '-initrd', initrd],
        ...['-append', 'console=ttyS0 quiet panic=-1 random.trust_cpu=on'],
        ...['-virtfs', 'local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap'],
      ],
      { stdio: ['ignore', 'pipe', 'inherit'], timeout: RUN_MS_MAX, killSignal: 'SIGKILL' },
    );
    return await text(machine.stdout);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function initialFileSystem(
  directory: string,
  version: string,
  command: readonly string[],
  modules: readonly string[],
): string {
  const root = join(directory, 'root');
  for (const name of ['bin', 'host', 'proc', 'modules']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(BUSYBOX, join(root, 'bin', 'busybox'));
  const files = modulesWithDependencies(version);
  for (const file of files) copyFileSync(file, join(root, 'modules', basename(file)));
  const init = join(root, 'init');
  writeFileSync(
    init,
    initScript(
      files.map((file) => basename(file)),
      version,
      command,
      modules,
    ),
  );
  chmodSync(init, 0o755);
  const image = join(directory, 'initrd');
  sh(`cd '${root}' && find . | cpio -o -H newc --quiet > '${image}'`);
  return image;
}

function modulesWithDependencies(version: string): string[] {
  const listed = BOOT_MODULES.flatMap((name) =>
    sh(`modprobe -d '${KERNEL}' -S ${version} --show-depends ${name}`).split('\n'),
  );
  return [...new Set(listed.flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []))];
}

function initScript(
  boot: readonly string[],
  version: string,
  command: readonly string[],
  modules: readonly string[],
): string {
  return [
    '#!/bin/busybox sh',
    'alias b=/bin/busybox',
    'b mount -t proc proc /proc',
    ...boot.map((file) => `b insmod /modules/${file}`),
    'b mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro,cache=loose host /host',
    'b mount -t proc proc /host/proc',
    'b mount -t sysfs sys /host/sys',
    'b mount -t devtmpfs dev /host/dev',
    'export PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    ...modules.map((name) => `b chroot /host /sbin/modprobe -d '${KERNEL}' -S ${version} ${name}`),
    `b chroot /host ${command.map((part) => `'${part}'`).join(' ')}`,
    'b poweroff -f',
    '',
  ].join('\n');
}

function sh(script: string): string {
  const { stdout, stderr, status } = spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin; ${script}`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}
