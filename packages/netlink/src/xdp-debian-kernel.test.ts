import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { kernelVersion, runInMicroVm, whyNoMicroVm } from '../../../test/support/microvm.js';
import { xdpObstacle } from './xdp.js';

const GUEST = fileURLToPath(new URL('../../../test/support/xdp-guest.mjs', import.meta.url));
/** A right that this process may lack is none that the guest lacks. */
const notBuilt = /^(built without|the XDP program was not compiled).*/.exec(xdpObstacle() ?? '')?.[0] ?? null;
const missing = whyNoMicroVm() ?? notBuilt;

describe(`XDP program on Debian's kernel ${kernelVersion() ?? ''}`, () => {
  const title = 'L4-24, L4-85: loads, and chooses as predicted through changes';
  if (missing) it.skip(`${title} (skipped: ${missing})`, () => {});
  else
    it(title, { timeout: 180_000 }, async () => {
      const output = await runInMicroVm(GUEST, []);
      const line = /RESULT (.*)/.exec(output)?.[1];
      expect(line, output).toBeDefined();
      expect(JSON.parse(line!)).toEqual({
        ...{ kernel: kernelVersion(), obstacle: null, right: 1_500, wrong: 0, programs: [true, false, false] },
        // This kernel does not tell what its devices can do.
        devices: null,
      });
    });
});
