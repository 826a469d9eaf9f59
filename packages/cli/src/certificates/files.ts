import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError, ExitCode } from '../output.js';
import { createAuthority, type IssuedIdentity, type IssueOptions, issueIdentity } from './authority.js';

/** Where an identity lies: `{name}.pem` and `{name}.key` (mode 0600); the authority's name is `ca`. */
export interface IdentityFiles {
  readonly certificate: string;
  readonly privateKey: string;
}

/** Makes an authority in `directory`; refuses to replace one. */
export async function initAuthority(
  directory: string,
  options: { name?: string; days?: number },
): Promise<IdentityFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = filesOf(directory, 'ca');
  if ((await readOptional(files.privateKey)) !== null) {
    throw new CommandError(`${files.privateKey} exists: choose another directory`, ExitCode.usage);
  }
  await writeIdentity(files, await createAuthority(options));
  return files;
}

/** Issues an identity of the directory's authority; an older one of the same name is replaced. */
export async function issueIdentityFiles(directory: string, options: IssueOptions): Promise<IdentityFiles> {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/i.test(options.name) || options.name === 'ca') {
    throw new CommandError(
      `name "${options.name}": expected letters, digits, dots, hyphens, and not "ca"`,
      ExitCode.usage,
    );
  }
  const authority = await readAuthority(directory);
  const files = filesOf(directory, options.name);
  await writeIdentity(files, await issueIdentity(authority, options));
  return files;
}

async function readAuthority(directory: string): Promise<IssuedIdentity> {
  const files = filesOf(directory, 'ca');
  const [certificatePem, privateKeyPem] = [await readOptional(files.certificate), await readOptional(files.privateKey)];
  if (certificatePem === null || privateKeyPem === null) {
    throw new CommandError(
      `${directory} holds no authority: make one with "higgins certs init --dir ${directory}"`,
      ExitCode.usage,
    );
  }
  return { certificatePem, privateKeyPem };
}

function filesOf(directory: string, name: string): IdentityFiles {
  return { certificate: join(directory, `${name}.pem`), privateKey: join(directory, `${name}.key`) };
}

/** Both files by rename, the key first, so that a reader never sees half of one. */
async function writeIdentity(files: IdentityFiles, identity: IssuedIdentity): Promise<void> {
  await replace(files.privateKey, identity.privateKeyPem, 0o600);
  await replace(files.certificate, identity.certificatePem, 0o644);
}

async function replace(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.new`;
  await writeFile(temporary, text, { mode, flag: 'wx' });
  await rename(temporary, path);
}

async function readOptional(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
