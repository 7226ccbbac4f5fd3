import { X509Certificate } from 'node:crypto';
import {
  type Authority,
  createAuthority,
  issue,
  newKey,
  publicHalf,
} from '../../../src/siblings/security-manager/authority.ts';
import { certificatesIn, type Trust, whyDistrusted } from '../../../src/swarm/link-credentials.ts';
import type { KeyPair } from '../../../src/swarm/security-folder.ts';
import type { LinkCredentials } from '../../../src/transport/client-credentials.ts';

export const HOUR_MS = 3_600_000;

export interface Wanted {
  readonly name: string;
  readonly clusterId?: string;
  readonly kind?: 'member' | 'client';
  readonly from?: Date;
  readonly until?: Date;
}

/** A certificate of `authority` as a test wants it, and its key. */
export async function certify(by: Authority, wanted: Wanted): Promise<KeyPair> {
  const { name, clusterId = 'test', kind = 'member' } = wanted;
  const { from = new Date(), until = new Date(Date.now() + HOUR_MS) } = wanted;
  const key = newKey();
  const identity = { clusterId, kind, name };
  return {
    key,
    certificate: await issue({ authority: by, identity, publicKey: publicHalf(key), from, until }),
  };
}

export const authority = (): Promise<Authority> => createAuthority(new Date());

export function trustIn(pems: readonly string[], revoked: readonly string[] = []): Trust {
  return { authorities: certificatesIn(pems.join('\n')), revoked: new Set(revoked) };
}

/** What a dialler with `own` shows who trusts `pems`. */
export function credentials(
  own: KeyPair | undefined,
  pems: readonly string[],
  trust = trustIn(pems),
): LinkCredentials {
  return {
    ca: pems.join('\n'),
    ...(own === undefined ? {} : { own }),
    objection: (certificate) => whyDistrusted(certificate, trust, Date.now()),
  };
}

export const x509 = ({ certificate }: Pick<KeyPair, 'certificate'>): X509Certificate =>
  new X509Certificate(certificate);
