import { readFile, rename, writeFile } from 'node:fs/promises';
import { formatPrefix, parsePrefix } from '@higgins/ipdata';
import { askBird, BirdError } from './bird-control.js';
import { type AnnouncedRoute, PROTOCOLS, renderRoutes } from './routes.js';

export interface BirdTargetOptions {
  /** The file that BIRD's configuration includes; its directory must be there and writable. */
  readonly file: string;
  /** BIRD's control socket; Debian has it at `/run/bird/bird.ctl`. */
  readonly socket: string;
  /** Default 5,000. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;

/**
 * Announces routes through BIRD: writes the part of its configuration that holds them, has BIRD read it again, and reads
 * back. What BIRD refuses is taken back. Calls are made one after the other; nothing is withdrawn at the end.
 */
export class BirdTarget {
  readonly #file: string;
  readonly #socket: string;
  readonly #timeoutMs: number;

  constructor({ file, socket, timeoutMs = TIMEOUT_MS }: BirdTargetOptions) {
    this.#file = file;
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Brings it about that exactly these routes are announced; resolves to whether anything had to change.
   *
   * @throws BirdError; RangeError for a community that is none; Error if the file can't be written
   */
  async announce(routes: readonly AnnouncedRoute[]): Promise<boolean> {
    const wanted = renderRoutes(routes);
    const before = await readText(this.#file);
    if (before === wanted && (await this.announces(routes))) return false;
    await replaceText(this.#file, wanted);
    try {
      await askBird(this.#socket, 'configure', this.#timeoutMs);
    } catch (error) {
      // A file that BIRD does not accept would keep it from starting.
      if (error instanceof BirdError && error.code === 'refused' && before !== null) {
        await replaceText(this.#file, before);
      }
      throw error;
    }
    return true;
  }

  /** Whether BIRD has these routes and no others of ours. */
  async announces(routes: readonly AnnouncedRoute[]): Promise<boolean> {
    const wanted = new Set(routes.map(({ prefix }) => keyOf(formatPrefix(prefix))));
    const present = new Set<string>();
    for (const protocol of Object.values(PROTOCOLS)) {
      for (const prefix of await this.#routesOf(protocol)) present.add(keyOf(prefix));
    }
    return wanted.size === present.size && [...wanted].every((key) => present.has(key));
  }

  async #routesOf(protocol: string): Promise<string[]> {
    try {
      const { lines } = await askBird(this.#socket, `show route protocol ${protocol}`, this.#timeoutMs);
      return lines.flatMap((line) => /^([0-9a-f.:]+\/\d+)\s/i.exec(line)?.[1] ?? []);
    } catch (error) {
      // Before the first configuration of ours BIRD has no such protocol.
      if (error instanceof BirdError && error.code === 'refused') return [];
      throw error;
    }
  }
}

function keyOf(text: string): string {
  const { words, length } = parsePrefix(text);
  return `${words.join('.')}/${length}`;
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Written beside and renamed, so that BIRD never reads half of it. */
async function replaceText(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}
