import { createPrivateKey } from 'node:crypto';
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Millis } from '../../protocol/ids.ts';
import { writeWhole } from '../../swarm/files.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import { certificatesIn } from '../../swarm/link-credentials.ts';
import { readBundle, readIfThere, readPrivate, writeBundle } from '../../swarm/security-folder.ts';
import { type Authority, createAuthority, fingerprintOf } from './authority.ts';
import { keepCertificateLife } from './certificate-life.ts';

/**
 * Makes the first authority of a swarm. Its key stays in this folder: nobody can let anybody in without it. `lifeMs`: how
 * long certificates of members are to last; default `DEFAULT_CERTIFICATE_DAYS`.
 */
export async function foundAuthority(folder: SwarmFolder, now: Date, lifeMs?: Millis): Promise<Authority> {
  const authority = await createAuthority(now);
  writeWhole(keyPath(folder), authority.key, 0o600);
  writeBundle(folder, authority.certificate);
  if (lifeMs !== undefined) keepCertificateLife(folder, lifeMs);
  return authority;
}

/** True where newcomers can be let in. */
export function hasAuthority(folder: SwarmFolder): boolean {
  return existsSync(keyPath(folder));
}

/**
 * The authority of which this folder has the key: that of this fingerprint, or without one the first that there is.
 *
 * @throws SwarmError UNAUTHORIZED when others may read the key.
 */
export function loadAuthority(folder: SwarmFolder, fingerprint?: string): Authority | undefined {
  const next = readIfThere(nextPath(folder, 'crt')) ?? '';
  const certificates = certificatesIn(`${readBundle(folder)}\n${next}`);
  for (const path of [keyPath(folder), nextPath(folder, 'key')]) {
    if (!existsSync(path)) continue;
    const key = readPrivate(path);
    const found = certificates.find(
      (one) =>
        one.checkPrivateKey(createPrivateKey(key)) &&
        (fingerprint === undefined || fingerprintOf(one) === fingerprint),
    );
    if (found !== undefined) return { certificate: found.toString(), key };
  }
  return undefined;
}

/** Makes the authority that is to follow, or goes on with one that was made and has not followed yet. */
export async function prepareNextAuthority(folder: SwarmFolder, now: Date): Promise<Authority> {
  const certificate = readIfThere(nextPath(folder, 'crt'));
  if (certificate !== undefined) return { certificate, key: readPrivate(nextPath(folder, 'key')) };
  const made = await createAuthority(now);
  writeWhole(nextPath(folder, 'key'), made.key, 0o600);
  writeWhole(nextPath(folder, 'crt'), made.certificate, 0o600);
  return made;
}

/** Once the next one signs alone, the key of the one before is of no use to anybody good, and goes. */
export function settleNextAuthority(folder: SwarmFolder, signing: string): void {
  const certificate = readIfThere(nextPath(folder, 'crt'));
  if (certificate === undefined || fingerprintOf(certificate) !== signing) return;
  // Another instance of this folder may have been faster.
  if (existsSync(nextPath(folder, 'key'))) renameSync(nextPath(folder, 'key'), keyPath(folder));
  rmSync(nextPath(folder, 'crt'), { force: true });
}

const keyPath = ({ security }: SwarmFolder): string => join(security, 'ca.key');
const nextPath = ({ security }: SwarmFolder, what: 'key' | 'crt'): string =>
  join(security, `ca-next.${what}`);
