import { describe, expect, it } from 'vitest';
import { AddressError, formatPrefix, parseAddress, parsePrefix } from './index.js';

describe('parsePrefix', () => {
  it.each([
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['192.0.2.1', '192.0.2.1/32'],
    ['255.255.255.255/32', '255.255.255.255/32'],
    ['10.0.0.0/9', '10.0.0.0/9'],
    ['::/0', '::/0'],
    ['2001:DB8:0:0::/32', '2001:db8::/32'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1/128'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1/128'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1/128'],
    ['::1', '::1/128'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0/128'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8/128'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221/128'],
    ['::fffe:1.2.3.4', '::fffe:102:304/128'],
  ])('reads %s as %s', (text, canonical) => {
    expect(formatPrefix(parsePrefix(text))).toBe(canonical);
  });

  it.each([
    ['', 'SYNTAX'],
    ['1.2.3', 'SYNTAX'],
    ['1.2.3.4.5', 'SYNTAX'],
    ['256.2.3.4', 'SYNTAX'],
    ['01.2.3.4', 'SYNTAX'],
    ['1.2.3.4 ', 'SYNTAX'],
    ['0x1.2.3.4', 'SYNTAX'],
    ['+1.2.3.4', 'SYNTAX'],
    ['1.2.3.٤', 'SYNTAX'],
    ['1.2.3.4/', 'LENGTH'],
    ['1.2.3.4/33', 'LENGTH'],
    ['1.2.3.0/024', 'LENGTH'],
    ['1.2.3.0/-1', 'LENGTH'],
    ['1.2.3.0/24/24', 'LENGTH'],
    ['1.2.3.0/255.255.255.0', 'LENGTH'],
    ['1.2.3.4/24', 'HOST_BITS'],
    ['128.0.0.0/0', 'HOST_BITS'],
    [':', 'SYNTAX'],
    [':::', 'SYNTAX'],
    ['1::2::3', 'SYNTAX'],
    ['1:2:3:4:5:6:7', 'SYNTAX'],
    ['1:2:3:4:5:6:7:8:9', 'SYNTAX'],
    ['1:2:3:4:5:6:7:8::', 'SYNTAX'],
    ['1:2:3:4::5:6:7:8', 'SYNTAX'],
    ['12345::', 'SYNTAX'],
    ['g::', 'SYNTAX'],
    ['fe80::1%eth0', 'SYNTAX'],
    ['1.2.3.4::', 'SYNTAX'],
    ['::1.2.3.4:5', 'SYNTAX'],
    ['2001:db8::/129', 'LENGTH'],
    ['2001:db8::1/64', 'HOST_BITS'],
    ['8000::/0', 'HOST_BITS'],
    ['::ffff:192.0.2.1', 'IPV4_MAPPED'],
    ['::ffff:c000:201', 'IPV4_MAPPED'],
    ['::ffff:0:0/96', 'IPV4_MAPPED'],
    ['1'.repeat(100_000), 'SYNTAX'],
  ])('refuses %s with %s', (text, code) => {
    expect(() => parsePrefix(text)).toThrow(expect.objectContaining({ name: 'AddressError', code }));
  });

  it('names value and expectation', () => {
    expect(() => parsePrefix('203.0.113.7/24')).toThrow(
      '"203.0.113.7/24" is refused, expected no bits behind the prefix length, such as 203.0.113.0/24',
    );
  });

  it('shortens the value that it shows', () => {
    const error = new AddressError('SYNTAX', 'x'.repeat(1000), 'an address');
    expect(error.value).toHaveLength(64);
    expect(error.message.length).toBeLessThan(128);
  });
});

describe('parseAddress', () => {
  it('refuses a prefix length', () => {
    expect(() => parseAddress('192.0.2.0/24')).toThrow(AddressError);
    expect(() => parseAddress('2001:db8::/32')).toThrow(AddressError);
  });

  it('gives the words most significant first', () => {
    expect([...parseAddress('1.2.3.4').words]).toEqual([0x01020304]);
    expect([...parseAddress('2001:db8::ff:1').words]).toEqual([0x20010db8, 0, 0, 0x00ff0001]);
  });
});
