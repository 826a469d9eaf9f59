import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Inputs that once were findings, or reach what draws seldom reach; every test run replays them. */
const CORPUS = fileURLToPath(new URL('../../corpus/', import.meta.url));

/** An input that is kept. */
export interface Kept {
  readonly target: string;
  /** What it showed, or what it is for. */
  readonly about: string;
  readonly input: unknown;
}

/** Every kept input by the name of its file. */
export function readCorpus(): ReadonlyMap<string, Kept> {
  const files = readdirSync(CORPUS).filter((file) => file.endsWith('.json'));
  return new Map(
    files.map((file) => [file.replace(/\.json$/, ''), JSON.parse(readFileSync(join(CORPUS, file), 'utf8')) as Kept]),
  );
}

/** Keeps an input; returns its file. */
export function keep(name: string, kept: Kept): string {
  mkdirSync(CORPUS, { recursive: true });
  const file = join(CORPUS, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
  return file;
}
