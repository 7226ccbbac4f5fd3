import type { X509Certificate } from 'node:crypto';

/** Whoever dials shows this, and trusts those alone whom it names. */
export interface LinkCredentials {
  /** Certificates of the authorities that are trusted, one after the other as PEM. */
  readonly ca: string;
  /** Absent: a token says who we are. */
  readonly own?: { readonly certificate: string; readonly key: string };
  /** Why whoever shows this certificate is not talked to; undefined for "welcome". Asked again when trust has changed. */
  objection(certificate: X509Certificate): string | undefined;
}

/** Whom a certificate names. */
export interface CertifiedIdentity {
  readonly clusterId: string;
  readonly kind: 'member' | 'client';
  /** The id of a member in the log, or the name of a client. */
  readonly name: string;
}

/** One name and no other; Node writes anything that could be mistaken in quotes, which no name of ours has. */
const NAMES =
  /^URI:raft:\/\/(?<clusterId>[A-Za-z0-9._-]{1,128})\/(?<client>client\/)?(?<name>[A-Za-z0-9._-]{1,64})$/;

/** As it stands in a certificate: `raft://CLUSTER/MEMBER`, or `raft://CLUSTER/client/NAME`. */
export function identityUri({ clusterId, kind, name }: CertifiedIdentity): string {
  return kind === 'member' ? `raft://${clusterId}/${name}` : `raft://${clusterId}/client/${name}`;
}

/** Undefined for a certificate that names nobody of a swarm, or more than one. */
export function certifiedIdentity(certificate: X509Certificate): CertifiedIdentity | undefined {
  const { clusterId, client, name } = NAMES.exec(certificate.subjectAltName ?? '')?.groups ?? {};
  if (clusterId === undefined || name === undefined) return undefined;
  return { clusterId, kind: client === undefined ? 'member' : 'client', name };
}
