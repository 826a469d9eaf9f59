import { spawn } from 'node:child_process';
import { NftError } from './errors.js';

/** Largest output that is read: a million intervals in JSON. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
/** Time that nft may take; large sets take seconds. */
const RUN_MS_MAX = 60_000;
/** Reads of up to 64 KiB of nft's complaint that are kept, and characters of it that an error carries. */
const COMPLAINT_CHUNKS_MAX = 4;
const COMPLAINT_CHARACTERS_MAX = 2_000;

/**
 * Runs `nft` with a script on its standard input and resolves to its output.
 *
 * @throws NftError with nft's complaint; `not-permitted` without CAP_NET_ADMIN, `nft-missing` where nft is not installed
 */
export async function runNft(args: readonly string[], input = ''): Promise<string> {
  const child = spawn('nft', args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: RUN_MS_MAX, killSignal: 'SIGKILL' });
  const output: Buffer[] = [];
  const complaint: Buffer[] = [];
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= OUTPUT_BYTES_MAX) output.push(chunk);
    else child.kill('SIGKILL');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    if (complaint.length < COMPLAINT_CHUNKS_MAX) complaint.push(chunk);
  });
  // A process that died early says so by its status, not by the broken pipe.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(notStarted(cause)));
    child.once('close', resolve);
  });
  if (status !== 0) throw refused(Buffer.concat(complaint).toString('utf8'), status);
  return Buffer.concat(output).toString('utf8');
}

function notStarted(cause: Error): NftError {
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const message = missing
    ? 'nft is not installed: install the package nftables'
    : `nft can't be started: ${cause.message}`;
  return new NftError(missing ? 'nft-missing' : 'refused', message, { cause });
}

function refused(complaint: string, status: number | null): NftError {
  if (/operation not permitted/i.test(complaint)) return NftError.notPermitted();
  const said = complaint.trim().slice(0, COMPLAINT_CHARACTERS_MAX);
  return new NftError('refused', `nft: ${said === '' ? `ended with status ${status}` : said}`);
}
