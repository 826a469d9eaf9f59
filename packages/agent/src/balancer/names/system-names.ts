import { open, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { SYSTEM_FILE_BYTES_MAX, SYSTEM_SERVERS_MAX } from './limits.js';

/** Where the system keeps names; default `/etc`. */
export interface SystemFiles {
  readonly resolvConf: string;
  readonly hosts: string;
}

const ETC: SystemFiles = { resolvConf: '/etc/resolv.conf', hosts: '/etc/hosts' };
/** What the C library takes where `resolv.conf` names no server. */
const LOCAL_SERVERS: readonly string[] = ['127.0.0.1'];

/** The system's name servers and its own table of names, read again whenever their files change. */
export class SystemNames {
  readonly #servers: ParsedFile<readonly string[]>;
  readonly #hosts: ParsedFile<ReadonlyMap<string, readonly string[]>>;

  constructor(files: SystemFiles = ETC) {
    this.#servers = new ParsedFile(files.resolvConf, parseServers);
    this.#hosts = new ParsedFile(files.hosts, parseHosts);
  }

  /** The name servers, in the order in which they are to be asked. */
  async servers(): Promise<readonly string[]> {
    const servers = (await this.#servers.value()) ?? [];
    return servers.length > 0 ? servers : LOCAL_SERVERS;
  }

  /** The addresses that the table has for a name, as they are spelt there. */
  async addresses(host: string): Promise<readonly string[]> {
    return (await this.#hosts.value())?.get(host.toLowerCase().replace(/\.$/, '')) ?? [];
  }
}

/** A file's meaning, kept until the file is another. One that can't be read keeps what was read last. */
class ParsedFile<Value> {
  readonly #path: string;
  readonly #parse: (text: string) => Value;
  #identity = '';
  #value: Value | null = null;

  constructor(path: string, parse: (text: string) => Value) {
    this.#path = path;
    this.#parse = parse;
  }

  /** Null if it was never readable. */
  async value(): Promise<Value | null> {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(this.#path, { bigint: true });
      const identity = `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
      if (identity !== this.#identity) {
        this.#value = this.#parse(await readBounded(this.#path));
        this.#identity = identity;
      }
    } catch {
      // The next resolution looks again; without servers it names them.
    }
    return this.#value;
  }
}

async function readBounded(path: string): Promise<string> {
  await using file = await open(path);
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(Math.min(size, SYSTEM_FILE_BYTES_MAX)) });
  return buffer.toString('utf8', 0, bytesRead);
}

function parseServers(text: string): readonly string[] {
  const words = text.split('\n').map((line) => line.trim().split(/\s+/));
  const servers = words.flatMap(([key, address]) => (key === 'nameserver' && address !== undefined ? [address] : []));
  return servers.filter((address) => isIP(address) !== 0).slice(0, SYSTEM_SERVERS_MAX);
}

function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const table = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === undefined || isIP(address) === 0) continue;
    for (const name of names) {
      const known = table.get(name.toLowerCase());
      if (known) known.push(address);
      else table.set(name.toLowerCase(), [address]);
    }
  }
  return table;
}
