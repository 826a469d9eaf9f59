// The certificate library's dependency injection needs this polyfill before it loads.
import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import type { Identity } from '@higgins/transport';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNING_ALGORITHM = { name: 'ECDSA', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** An authority made for a test. */
export interface TestAuthority {
  readonly certificatePem: string;
  /** Issues a certificate for servers and clients on localhost; `days` below zero makes an expired one. */
  issue(name: string, days?: number): Promise<Identity>;
}

let serial = 1;

/** Makes an authority (ECDSA P-256). */
export async function makeAuthority(name: string): Promise<TestAuthority> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...common(30),
    name: [{ CN: [name] }],
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  return {
    certificatePem: certificate.toString('pem'),
    issue: (subject, days = 10) => issue(certificate, keys.privateKey, subject, days),
  };
}

async function issue(
  issuer: x509.X509Certificate,
  signingKey: webcrypto.CryptoKey,
  name: string,
  days: number,
): Promise<Identity> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    ...common(days),
    subject: [{ CN: [name] }],
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { certificatePem: certificate.toString('pem'), privateKeyPem: x509.PemConverter.encode(key, 'PRIVATE KEY') };
}

/** The SHA-256 of a certificate, as `certificateHashes` takes it. */
export function hashOf(identity: Identity): Uint8Array {
  const der = new x509.X509Certificate(identity.certificatePem).rawData;
  return createHash('sha256').update(new Uint8Array(der)).digest();
}

function generateKeys() {
  return webcrypto.subtle.generateKey(KEY_ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

function common(days: number) {
  const end = Date.now() + days * DAY_MS;
  return {
    serialNumber: (serial++).toString(16).padStart(4, '0'),
    notBefore: new Date(Math.min(Date.now(), end) - DAY_MS / 24),
    notAfter: new Date(end),
    signingAlgorithm: SIGNING_ALGORITHM,
  };
}
