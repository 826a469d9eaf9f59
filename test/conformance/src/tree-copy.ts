import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A copy of a workspace's sources in which tests can run, and which may be broken. */
export interface TreeCopy extends Disposable {
  readonly root: string;
}

/** Copies what git would keep, the native addons and the links between packages; packages of others are shared. */
export function copyTree(root: string): TreeCopy {
  const copy = mkdtempSync(join(tmpdir(), 'higgins-broken-'));
  const list = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const files = list.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
  for (const file of [...files, ...addonsOf(root)]) {
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    copyFileSync(join(root, file), join(copy, file));
  }
  const packages = files.filter((file) => file.endsWith('/package.json')).map(dirname);
  for (const folder of packages) {
    const from = join(root, folder, 'node_modules');
    // The links are relative, so that those between packages lead to the copy.
    if (existsSync(from)) cpSync(from, join(copy, folder, 'node_modules'), { recursive: true, verbatimSymlinks: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return { root: copy, [Symbol.dispose]: () => rmSync(copy, { recursive: true, force: true }) };
}

function addonsOf(root: string): string[] {
  return readdirSync(join(root, 'packages')).flatMap((name) =>
    readdirSync(join(root, 'packages', name))
      .filter((file) => file.endsWith('.node'))
      .map((file) => join('packages', name, file)),
  );
}
