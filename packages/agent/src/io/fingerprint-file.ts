import type { Disk } from '@higgins/runtime';
import type { FingerprintStore } from '../targets/nft/structure.js';

/** Keeps the fingerprint of the nft structure on disk, with the boot it belongs to: nothing in a kernel survives a boot. */
export function fingerprintFile(disk: Disk, bootId: string): FingerprintStore {
  const name = 'nft-structure';
  return {
    async read() {
      const bytes = await disk.read(name);
      const [boot, fingerprint] = bytes === null ? [] : Buffer.from(bytes).toString('utf8').split(' ');
      return boot === bootId && fingerprint !== undefined ? fingerprint : null;
    },
    async write(fingerprint) {
      await disk.replace(name, Buffer.from(`${bootId} ${fingerprint}`));
    },
  };
}
