import { X509Certificate } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { certifiedIdentity, type LinkCredentials } from '../transport/client-credentials.ts';
import { isMissing } from './files.ts';
import type { SwarmFolder } from './layout.ts';
import {
  checkSecurityFolder,
  isSecured,
  type KeyPair,
  readBundle,
  readKeyPair,
  readRevoked,
} from './security-folder.ts';

/** Whom to believe. */
export interface Trust {
  readonly authorities: readonly X509Certificate[];
  /** Names of members, and of clients as `client/NAME`. */
  readonly revoked: ReadonlySet<string>;
}

const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '::1', '[::1]']);

/** True for an address under which nobody elsewhere can reach this machine. */
export function isLoopback(host: string): boolean {
  return LOOPBACK_NAMES.has(host) || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * What a client of the swarm in `folder` shows at `url`, and whom it believes there. Undefined for a link without TLS,
 * which never leaves this machine.
 *
 * @throws SwarmError UNAUTHORIZED for a link that would carry secrets over a network in the clear.
 */
export function credentialsFor(folder: SwarmFolder, url: string): LinkCredentials | undefined {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'wss:') {
    if (!isSecured(folder)) return undefined;
    checkSecurityFolder(folder);
    const ca = readBundle(folder);
    const trust = { authorities: certificatesIn(ca), revoked: readRevoked(folder) };
    // Without one that counts, the token of the folder is still good on this machine.
    return credentialsWith(ca, trust, anyKeyPair(folder, trust));
  }
  if (isLoopback(hostname)) return undefined;
  throw new SwarmError(
    'UNAUTHORIZED',
    `${url} is without TLS and not on this machine: everybody in between could read along. Run "raft-manager security init" where the swarm was made, and join it at wss://`,
    { url },
  );
}

/** The same for one who shows `own`, or nothing, and believes `trust`. */
export function credentialsWith(ca: string, trust: Trust, own: KeyPair | undefined): LinkCredentials {
  return {
    ca,
    ...(own === undefined ? {} : { own }),
    objection: (certificate) => whyDistrusted(certificate, trust, Date.now()),
  };
}

/** Why a certificate is worth nothing; undefined when it is of an authority that is trusted, and of now. */
export function whyDistrusted(certificate: X509Certificate, trust: Trust, now: number): string | undefined {
  return distrustOf(certificate, trust, now)?.message;
}

/** The same as what its owner is told: `REVOKED`, and for all else `UNAUTHORIZED`. */
export function distrustOf(
  certificate: X509Certificate,
  { authorities, revoked }: Trust,
  now: number,
): SwarmError | undefined {
  const refuse = (why: string): SwarmError => new SwarmError('UNAUTHORIZED', why);
  const identity = certifiedIdentity(certificate);
  if (identity === undefined) return refuse('the certificate names nobody of a swarm');
  const name = revocationName(identity);
  const isOurs = authorities.some((one) => certificate.checkIssued(one) && certificate.verify(one.publicKey));
  if (!isOurs) return refuse(`the certificate of ${name} is of an authority that is not trusted here`);
  if (revoked.has(name)) return new SwarmError('REVOKED', `the certificate of ${name} was revoked`);
  if (Date.parse(certificate.validTo) <= now)
    return refuse(`the certificate of ${name} expired on ${certificate.validTo}`);
  if (Date.parse(certificate.validFrom) > now) {
    return refuse(
      `the certificate of ${name} is not valid before ${certificate.validFrom}; compare the clocks`,
    );
  }
  return undefined;
}

/** As it stands in the list of those who are not let in. */
function revocationName({
  kind,
  name,
}: {
  readonly kind: 'member' | 'client';
  readonly name: string;
}): string {
  return kind === 'member' ? name : `client/${name}`;
}

/** Each certificate of a bundle. */
export function certificatesIn(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** Of one of the instances here: each may speak for this machine. */
function anyKeyPair(folder: SwarmFolder, trust: Trust): KeyPair | undefined {
  let names: readonly string[];
  try {
    names = readdirSync(join(folder.security, 'nodes')).sort();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const now = Date.now();
  return names
    .flatMap((name) => readKeyPair(folder, name as NodeId) ?? [])
    .find(({ certificate }) => whyDistrusted(new X509Certificate(certificate), trust, now) === undefined);
}
