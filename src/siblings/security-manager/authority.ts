import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type webcrypto,
  X509Certificate,
} from 'node:crypto';
import { SwarmError } from '../../protocol/errors.ts';
import { type CertifiedIdentity, identityUri } from '../../transport/client-credentials.ts';
import { DAY_MS } from './certificate-life.ts';

/** Whoever has the key may say who belongs to the swarm. */
export interface Authority {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export interface Issue {
  readonly authority: Authority;
  readonly identity: CertifiedIdentity;
  /** PEM, SPKI: whoever has the key that belongs to it is whom the certificate names. */
  readonly publicKey: string;
  readonly from: Date;
  readonly until: Date;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** An authority outlives what it has signed; `rotate` replaces it long before. */
const AUTHORITY_LIFE_MS = 10 * 365 * DAY_MS;
/** Clocks of two machines differ: certificates begin so long before they are made. */
const CLOCK_SKEW_MS = 5 * 60 * 1000;

/** Takes as long to load as a command to start, and only whoever signs needs it. */
async function library(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** PEM of a new private key, on P-256. */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** PEM of the public half. */
export function publicHalf(key: string): string {
  return createPublicKey(createPrivateKey(key)).export({ type: 'spki', format: 'pem' }).toString();
}

/** When a certificate was made, and when it ends, in milliseconds. */
export function lifeOf(certificate: string): { readonly from: number; readonly until: number } {
  const { validFrom, validTo } = new X509Certificate(certificate);
  return { from: Date.parse(validFrom) + CLOCK_SKEW_MS, until: Date.parse(validTo) };
}

/** True when `key` is the private half of the key that the certificate is about. */
export function isFor(certificate: string, key: string): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

/** SHA-256 of a certificate, hexadecimal. */
export function fingerprintOf(certificate: string | X509Certificate): string {
  const { raw } = typeof certificate === 'string' ? new X509Certificate(certificate) : certificate;
  return createHash('sha256').update(raw).digest('hex');
}

/** A new authority of its own making, with a key that nobody else has. */
export async function createAuthority(now: Date): Promise<Authority> {
  const x509 = await library();
  const key = newKey();
  const keys = { privateKey: await signingKey(key), publicKey: await verifyingKey(publicHalf(key)) };
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ['raft-manager authority'] }],
    notBefore: new Date(now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(now.getTime() + AUTHORITY_LIFE_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      // It signs members and clients, and no further authorities.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: made.toString('pem'), key };
}

/** PEM of a certificate that says whose `publicKey` is. */
export async function issue({ authority, identity, publicKey, from, until }: Issue): Promise<string> {
  const x509 = await library();
  const issuer = new x509.X509Certificate(authority.certificate);
  const subjectKey = await verifyingKey(publicKey);
  const made = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [identity.name] }],
    issuer: issuer.subjectName,
    notBefore: new Date(from.getTime() - CLOCK_SKEW_MS),
    notAfter: until,
    publicKey: subjectKey,
    signingKey: await signingKey(authority.key),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: identityUri(identity) }], false),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return made.toString('pem');
}

/** PEM of a request (PKCS #10): proves that whoever asks has the key, and says nothing else that counts. */
export async function createRequest(key: string): Promise<string> {
  const x509 = await library();
  const keys = { privateKey: await signingKey(key), publicKey: await verifyingKey(publicHalf(key)) };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: ['raft-manager'] }],
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return request.toString('pem');
}

/**
 * The public key (PEM) of a request whose sender has proven to have the other half.
 *
 * @throws SwarmError MALFORMED
 */
export async function readRequest(pem: string): Promise<string> {
  const x509 = await library();
  const malformed = (why: string): SwarmError =>
    new SwarmError('MALFORMED', `this is no request for a certificate: ${why}`);
  let publicKey: string;
  let isProven: boolean;
  try {
    const request = new x509.Pkcs10CertificateRequest(pem);
    publicKey = request.publicKey.toString('pem');
    isProven = await request.verify();
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : String(error));
  }
  if (!isProven) throw malformed('its signature is not of the key that it names');
  const { asymmetricKeyDetails } = createPublicKey(publicKey);
  if (asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw malformed('expected a key on P-256');
  return publicKey;
}

function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return crypto.subtle.importKey('pkcs8', new Uint8Array(der), ALGORITHM, false, ['sign']);
}

function verifyingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return crypto.subtle.importKey('spki', new Uint8Array(der), ALGORITHM, true, ['verify']);
}
