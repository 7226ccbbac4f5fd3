import { SwarmError } from '../../protocol/errors.ts';
import { readRevoked, writeRevoked } from '../../swarm/security-folder.ts';
import type { Holder } from './own-certificate.ts';

/** What an instance ends with when nobody lets it in any more. */
function revoked({ memberId, name, folder }: Holder): SwarmError {
  const message = `${memberId} was revoked: no member lets it in any more. If that was not meant, run "raft-manager security token" where the swarm was made and join anew with --token, or move ${folder.nodeFolder(name)} away where the key of the authority is; it comes under another id`;
  return new SwarmError('REVOKED', message, { memberId });
}

/** True when it is known here that the instance was revoked. */
export function isRevoked({ folder, memberId }: Holder): boolean {
  return readRevoked(folder).has(memberId);
}

/** @throws SwarmError REVOKED when it is known here that the instance was. */
export function checkNotRevoked(holder: Holder): void {
  if (isRevoked(holder)) throw revoked(holder);
}

/** Keeps in mind, once, that the instance was revoked, and tells `onRevoked`. */
export function noteRevocation(holder: Holder, onRevoked: (error: SwarmError) => void): () => void {
  let isKnown = false;
  return () => {
    if (isKnown) return;
    isKnown = true;
    const { folder, memberId } = holder;
    const names = readRevoked(folder);
    if (!names.has(memberId)) writeRevoked(folder, [...names, memberId]);
    // It may be known while the instance is still being put together.
    queueMicrotask(() => onRevoked(revoked(holder)));
  };
}
