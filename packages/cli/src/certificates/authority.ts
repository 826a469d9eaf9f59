// The certificate library's dependency injection needs this polyfill before it loads.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

/** A certificate with its private key, both PEM. */
export interface IssuedIdentity {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface AuthorityOptions {
  /** Common name. Default `Higgins Bus authority`. */
  readonly name?: string;
  /** Default 3650. */
  readonly days?: number;
}

export interface IssueOptions {
  /** Common name: the relay, PoP or publisher that the certificate is for. */
  readonly name: string;
  /** DNS names and IP addresses that a server with this certificate is reached by. */
  readonly hosts?: readonly string[];
  /** Default 90. Browsers accept a certificate by its hash for at most 14. May be negative, for tests of expiry. */
  readonly days?: number;
}

/** ECDSA on P-256: small chains keep the QUIC handshake within one flight, and browsers accept it by hash. */
const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
/** Clocks of other machines may be a little behind. */
const BACKDATE_MS = 300_000;

/** Makes a self-signed authority (ECDSA P-256). */
export async function createAuthority(options: AuthorityOptions = {}): Promise<IssuedIdentity> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: distinguishedName(options.name ?? 'Higgins Bus authority'),
    ...validity(options.days ?? 3650),
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificatePem: pem(certificate), privateKeyPem: await exportKey(keys.privateKey) };
}

/**
 * Issues a certificate for servers and clients (relays are both).
 *
 * @throws Error naming the host that is neither a DNS name nor an IP address
 */
export async function issueIdentity(authority: IssuedIdentity, options: IssueOptions): Promise<IssuedIdentity> {
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const signingKey = await importKey(authority.privateKeyPem);
  const keys = await generateKeys();
  const hosts = (options.hosts ?? []).map(alternativeName);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: distinguishedName(options.name),
    issuer: issuer.subject,
    ...validity(options.days ?? 90),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(hosts.length > 0 ? [new x509.SubjectAlternativeNameExtension(hosts)] : []),
    ],
  });
  return { certificatePem: pem(certificate), privateKeyPem: await exportKey(keys.privateKey) };
}

function generateKeys() {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

function validity(days: number) {
  const now = Date.now();
  const end = now + days * DAY_MS;
  return { notBefore: new Date(Math.min(now, end) - BACKDATE_MS), notAfter: new Date(end) };
}

function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  // A leading zero bit keeps the number positive (RFC 5280 §4.1.2.2).
  bytes[0] = (bytes[0]! & 0x7f) | 0x01;
  return Buffer.from(bytes).toString('hex');
}

function distinguishedName(commonName: string): x509.JsonName {
  return [{ CN: [commonName] }];
}

function alternativeName(host: string): x509.JsonGeneralName {
  if (isIP(host) !== 0) return { type: 'ip', value: host };
  if (/^(?=.{1,253}$)(\*\.)?[a-z0-9_]([a-z0-9-]{0,62})(\.[a-z0-9_][a-z0-9-]{0,62})*$/i.test(host)) {
    return { type: 'dns', value: host };
  }
  throw new Error(`host "${host.slice(0, 100)}": expected a DNS name or an IP address`);
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

function importKey(text: string): Promise<webcrypto.CryptoKey> {
  const der = x509.PemConverter.decode(text)[0];
  if (der === undefined) throw new Error('the authority has no private key in PEM form');
  return webcrypto.subtle.importKey('pkcs8', der, KEY_ALGORITHM, true, ['sign']) as Promise<webcrypto.CryptoKey>;
}
