import { Netlink } from '@higgins/netlink';
import { beforeEach, expect, it } from 'vitest';
import { shell } from '../../../../../test/support/lab.js';
import { describeInNamespace } from '../../../../../test/support/namespace.js';
import { type ServiceOptions, serviceOf } from './maglev.fixture.js';
import { MaglevTarget } from './target.js';

const signal = new AbortController().signal;
const BIG: ServiceOptions = {
  ...{ id: 'web', addresses: ['10.9.0.9'], members: { '10.2.0.11': 1, '10.2.0.12': 1, '10.2.0.13': 1 } },
  selection: { tableSize: 65_537 },
};

await describeInNamespace('maglev target, large tables', import.meta.filename, ['network', 'user'], (kind) => {
  beforeEach(() => void shell('nft flush ruleset'));

  it('L4-25, L4-81: the largest tables are programmed whatever one send can carry', async () => {
    // What the kernel's default lets a user namespace send at once.
    const limit = kind === 'user' ? { batchBytesMax: 425_984 } : {};
    const target = new MaglevTarget({ netlink: new Netlink(), bootMs: () => performance.now(), ...limit });
    const apply = (options: ServiceOptions) => target.apply({ services: [serviceOf(options)] }, signal);
    await apply(BIG);
    expect(slotsInKernel()).toBe(65_537);
    const out = { ...BIG, members: { '10.2.0.11': 1, '10.2.0.12': 0, '10.2.0.13': 1 } };
    // Where the change is too large for one batch, the second map takes it.
    expect(await apply(out)).toMatchObject({ structure: kind === 'user' });
    expect(slotsInKernel()).toBe(65_537);
    expect(await target.verify()).toEqual([]);
    const block = Array.from(
      { length: 20_000 },
      (_, index) => `172.${16 + (index >> 13)}.${(index >> 5) & 255}.${(index & 31) * 8}/30`,
    );
    await apply({ ...out, block });
    expect(await target.verify()).toEqual([]);
    const again = new MaglevTarget({ netlink: new Netlink(), bootMs: () => performance.now() });
    expect(await again.apply({ services: [serviceOf({ ...out, block })] }, signal)).toMatchObject({ transactions: 0 });
  });
});

/** As nft counts them, which shares no code with what wrote them. */
function slotsInKernel(): number {
  const [name] = /s\.web\.slots\.65537\.[01]/.exec(shell('nft -t list table inet higgins_lb'))!;
  const { nftables } = JSON.parse(shell(`nft -j list map inet higgins_lb ${name}`)) as {
    nftables: { map?: { elem: unknown[] } }[];
  };
  return nftables.find(({ map }) => map)!.map!.elem.length;
}
