import { getCACertificates } from 'node:tls';

/** The authorities, in PEM, that come with Node and those that the system trusts, where operators add their own. */
export function trustedAuthorities(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}
