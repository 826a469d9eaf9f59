// The certificate library's dependency injection needs this polyfill before it loads.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto);

const KEYS = { name: 'ECDSA', namedCurve: 'P-256' };
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' };
const HOUR_MS = 3_600_000;

/** Files of an authority and of identities that it vouches for, in a directory of their own. */
export interface TestCertificates {
  readonly directory: string;
  readonly authorities: string;
  /** Paths of a certificate and its key for localhost; valid for `hours` from now, an expired one if negative. */
  issue(name: string, hours?: number): Promise<{ certificate: string; privateKey: string }>;
}

/** Makes an authority and its directory. */
export async function testCertificates(): Promise<TestCertificates> {
  const directory = mkdtempSync(join(tmpdir(), 'relay-test-'));
  const keys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(1, 24),
    name: [{ CN: ['test authority'] }],
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  let serial = 1;
  const write = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  return {
    directory,
    authorities: write('authorities.pem', authority.toString('pem')),
    async issue(name, hours = 12) {
      const own = await generateKeys();
      serial++;
      const certificate = await x509.X509CertificateGenerator.create({
        ...validity(serial, hours),
        subject: [{ CN: [name] }],
        issuer: authority.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
          new x509.SubjectAlternativeNameExtension([
            { type: 'dns', value: 'localhost' },
            { type: 'ip', value: '127.0.0.1' },
          ]),
        ],
      });
      const key = await webcrypto.subtle.exportKey('pkcs8', own.privateKey);
      return {
        certificate: write(`${name}-${serial}.pem`, certificate.toString('pem')),
        privateKey: write(`${name}-${serial}.key`, x509.PemConverter.encode(key, 'PRIVATE KEY')),
      };
    },
  };
}

function generateKeys() {
  return webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

function validity(serial: number, hours: number) {
  const end = Date.now() + hours * HOUR_MS;
  return {
    serialNumber: serial.toString(16).padStart(4, '0'),
    notBefore: new Date(Math.min(Date.now(), end) - HOUR_MS),
    notAfter: new Date(end),
    signingAlgorithm: SIGNATURE,
  };
}
