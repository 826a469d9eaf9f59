import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Editors and copies touch a file several times; what follows within this time is one change. */
const SETTLE_MS = 100;

/**
 * Calls `changed` after any of the files was written or replaced by a rename. Directories are watched, since a watch on a
 * file ends when another takes its place.
 *
 * @throws Error if a directory can't be watched
 */
export function watchFiles(files: readonly string[], changed: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const names = new Set(files.map((file) => basename(file)));
  const watchers = [...new Set(files.map((file) => dirname(file)))].map((directory) =>
    watch(directory, (_event, name) => {
      if (name === null || !names.has(name)) return;
      clearTimeout(timer);
      timer = setTimeout(changed, SETTLE_MS);
    }),
  );
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
