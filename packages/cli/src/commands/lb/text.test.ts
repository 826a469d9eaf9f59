import { describe, expect, it } from 'vitest';
import { diffText } from './diff-text.js';
import { explanationText, parseFlow } from './explain-text.js';
import { serviceFixture, statusFixture } from './status.fixture.js';
import { statusText } from './status-text.js';
import { short } from './text.js';
import { ratesOf, topText } from './top-text.js';

describe('status for people', () => {
  it('LOB-44: says what is in force, who serves, and why others do not', () => {
    const text = statusText(statusFixture());
    expect(text).toContain('configuration  /etc/lb.yaml, revision 2, applied 5 s ago');
    expect(text).toContain('kernel         in-force, generation 7, verified 500 ms ago');
    expect(text).toContain('conntrack      120 of 1000 (12.0 %)');
    expect(text).toMatch(/web\/http +tcp 10\.9\.9\.9:80 +nat +group +maglev +safe +90 +1\.2M +3/);
    expect(text).toContain('pool web/group IPv4: normal, 1 of 2 available');
    expect(text).toMatch(/one +10\.0\.0\.1:8080 +active +30 s +1 +100\.0 % +12 +tcp 1\.3 ms/);
    expect(text).toMatch(/two .*ejected .*1 at 0 % +0\.0 % +0 +tcp, 3 failed in a row +active-check-failure: refused/);
  });

  it('escapes what a member answered', () => {
    expect(statusText(statusFixture())).toContain('refused\\x1b[31m');
  });

  it('says what is refused, stale and failed', () => {
    const { configuration, kernel, nowWallMs } = statusFixture();
    const text = statusText(
      statusFixture({
        configuration: {
          ...configuration,
          refused: { reason: 'lb.yaml:3: port: 0', atWallMs: nowWallMs - 2000 },
          stale: { reason: 'no relay', sinceWallMs: nowWallMs - 90_000 },
        },
        kernel: { ...kernel, phase: 'failed', failure: { reason: 'no right', atWallMs: nowWallMs } },
        warnings: ['net.ipv4.ip_forward is 0'],
      }),
    );
    expect(text).toContain('REFUSED 2 s ago: lb.yaml:3: port: 0');
    expect(text).toContain('STALE for 1.5 min: no relay');
    expect(text).toContain('FAILED 0 ms ago: no right');
    expect(text).toContain('warning: net.ipv4.ip_forward is 0');
  });
});

describe('rates', () => {
  const before = statusFixture();
  const totals = { packets: 6000, bytes: 3_200_000, flows: 140 };
  const after = statusFixture({ nowWallMs: before.nowWallMs + 2000, services: [serviceFixture({ totals })] });

  it('are differences per second', () => {
    expect(ratesOf(before, after)[0]).toMatchObject({ rates: { packets: 1000, bytes: 1_000_000, flows: 25 } });
    expect(topText(before, after)).toMatch(/web\/http +tcp\/80 IPv4 +25 +1k +1M +0 +12 +maglev/);
  });

  it('count from 0 where the counters have begun anew, and are 0 for a new service', () => {
    const anew = serviceFixture({ totals: { packets: 20, bytes: 40, flows: 2 } });
    const next = statusFixture({ nowWallMs: before.nowWallMs + 2000, services: [anew] });
    expect(ratesOf(before, next)[0]).toMatchObject({ rates: { packets: 10, bytes: 20, flows: 1 } });
    const added = statusFixture({ nowWallMs: before.nowWallMs + 1000, services: [serviceFixture({ id: 'other' })] });
    expect(ratesOf(before, added)[0]).toMatchObject({ rates: { packets: 0, bytes: 0, flows: 0 } });
  });
});

describe('explanations', () => {
  const flow = parseFlow('tcp', '192.0.2.7:40000', '[2001:db8::9]:443', 'eth0');

  it('L4-10: name the member, the slot and what speaks against the others', () => {
    const text = explanationText({
      ...{ flow, outcome: 'member', service: 'web_http_6', loadBalancer: 'web', listener: 'http', pool: 'group' },
      ...{ algorithm: 'maglev', slot: 17, slotsTotal: 4093, member: 'one', address: '2001:db8::1', port: 8080 },
      because: 'its slot leads to one',
      others: [{ member: 'two', address: '2001:db8::2', because: 'ejected: active-check-failure' }],
    });
    expect(text).toContain('tcp 192.0.2.7:40000 -> [2001:db8::9]:443: its slot leads to one');
    expect(text).toContain('slot 17 of 4093, maglev');
    expect(text).toContain('one at [2001:db8::1]:8080');
    expect(text).toMatch(/two +2001:db8::2 +ejected: active-check-failure/);
  });

  it('refuse what is no flow, naming the argument', () => {
    expect(flow).toMatchObject({ destinationAddress: '2001:db8::9', destinationPort: 443, interface: 'eth0' });
    expect(() => parseFlow('icmp', '192.0.2.7:1', '192.0.2.8:1')).toThrow('protocol "icmp": expected tcp, udp or sctp');
    expect(() => parseFlow('tcp', '192.0.2.7', '192.0.2.8:1')).toThrow('source "192.0.2.7": expected ADDRESS:PORT');
    expect(() => parseFlow('tcp', '192.0.2.7:1', '2001:db8::1:443')).toThrow('destination "2001:db8::1:443"');
    expect(() => parseFlow('tcp', '192.0.2.7:65536', '192.0.2.8:1')).toThrow('source "192.0.2.7:65536"');
  });
});

it('a diff says what moves from whom to whom', () => {
  const moves = Array.from({ length: 12 }, (_, index) => ({ from: 'gone', to: `member-${index}`, slots: 20 - index }));
  const text = diffText({
    changed: true,
    services: [
      {
        ...{ id: 'web_http_4', listener: 'http', change: 'changed', fields: ['limits'] },
        ...{ membersAdded: ['new'], membersRemoved: ['gone'], slotsTotal: 4093, slotsMoved: 820, flowsMoved: 0.2 },
        moves,
      },
    ],
  });
  expect(text.split('\n').slice(0, 5)).toEqual([
    '~ web_http_4 (http): limits',
    '    + new',
    '    - gone',
    '    820 of 4093 slots move; 20.0 % of new flows move; established flows stay',
    '      gone -> member-0: 20 slots',
  ]);
  expect(text).toContain('2 more: 19 slots');
  expect(diffText({ changed: false, services: [] })).toBe('no change');
});

it('counts are short', () => {
  expect([0, 999, 1000, 1234, 99_949, 99_960, 1_000_000, 12_300_000_000].map(short)).toEqual([
    '0',
    '999',
    '1k',
    '1.2k',
    '99.9k',
    '100k',
    '1M',
    '12.3G',
  ]);
});
