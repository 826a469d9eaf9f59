import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { kernelVersion, runInMicroVm, whyNoMicroVm } from '../../../../../test/support/microvm.js';

const GUEST = fileURLToPath(new URL('../../../../../test/support/sentinel-guest.mjs', import.meta.url));
const missing = whyNoMicroVm();

describe(`nft target on Debian's kernel ${kernelVersion() ?? ''}`, () => {
  const title = 'BUS-49, BUS-51: renews a sentinel, lets it expire, and puts it back';
  if (missing) it.skip(`${title} (skipped: ${missing})`, () => {});
  else
    it(title, { timeout: 180_000 }, async () => {
      const output = await runInMicroVm(GUEST, ['nf_tables', 'nft_reject_inet']);
      const line = /RESULT (.*)/.exec(output)?.[1];
      expect(line, output).toBeDefined();
      const result = JSON.parse(line!) as Result;
      expect(result.kernel).toBe(kernelVersion());
      expect(result.first).toMatchObject({ count: 2, leftMs: expect.any(Number) });
      expect(result.first.leftMs).toBeLessThanOrEqual(4_000);
      expect(result.renewal.transactions).toBe(1);
      expect(result.renewed.leftMs).toBeGreaterThan(10_000);
      expect(result.again.leftMs).toBeGreaterThan(10_000);
      expect(result.elements).toContain('10.0.0.0/8, 192.0.2.0/24');
    });
});

interface Result {
  readonly kernel: string;
  readonly first: { readonly count: number; readonly leftMs: number };
  readonly renewal: { readonly transactions: number };
  readonly renewed: { readonly leftMs: number };
  readonly again: { readonly leftMs: number };
  readonly elements: string;
}
