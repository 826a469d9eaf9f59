import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { createAuthority, issueIdentity } from './authority.js';

it('issues a certificate that verifies against its authority and names its hosts', async () => {
  const authority = await createAuthority();
  const identity = await issueIdentity(authority, { name: 'relay-a', hosts: ['relay.example', '127.0.0.1', '::1'] });
  const ca = new X509Certificate(authority.certificatePem);
  const leaf = new X509Certificate(identity.certificatePem);
  expect(ca.ca).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(leaf.checkHost('relay.example')).toBe('relay.example');
  expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(leaf.checkIP('::1')).toBeDefined();
  expect(leaf.subject).toBe('CN=relay-a');
});

it('can issue an expired certificate', async () => {
  const identity = await issueIdentity(await createAuthority(), { name: 'old', days: -1 });
  expect(new Date(new X509Certificate(identity.certificatePem).validTo).getTime()).toBeLessThan(Date.now());
});

it('refuses a host that is neither a name nor an address', async () => {
  const authority = await createAuthority();
  await expect(issueIdentity(authority, { name: 'x', hosts: ['a b'] })).rejects.toThrow(/host "a b": expected/);
});
