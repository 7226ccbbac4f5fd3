import { X509Certificate } from 'node:crypto';
import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { type SwarmFolder, swarmFolder } from '../../swarm/layout.ts';
import { certificatesIn, whyDistrusted } from '../../swarm/link-credentials.ts';
import { loadRoster } from '../../swarm/roster.ts';
import {
  type KeyPair,
  readBundle,
  readKeyPair,
  readRevoked,
  writeKeyPair,
} from '../../swarm/security-folder.ts';
import { certifiedIdentity } from '../../transport/client-credentials.ts';
import { issue, newKey, publicHalf } from './authority.ts';
import { hasAuthority, loadAuthority } from './authority-folder.ts';
import { certificateLife } from './certificate-life.ts';

/** Of an instance in its folder. */
export interface Holder {
  readonly folder: SwarmFolder;
  readonly name: NodeId;
  readonly memberId: NodeId;
}

/**
 * The certificate with which an instance comes up: the one that it has, or where the key of the authority is on this
 * machine, a new one. Undefined: it has to ask the others for one.
 */
export async function certificateAtStart(holder: Holder, now: Date): Promise<KeyPair | undefined> {
  const { folder, name, memberId } = holder;
  const pair = readKeyPair(folder, name);
  if (pair !== undefined && whyUnfit(pair, holder, now) === undefined) return pair;
  const place = authorityNear(folder);
  const authority = place === undefined ? undefined : loadAuthority(place);
  if (place === undefined || authority === undefined) return undefined;
  const key = newKey();
  const { clusterId } = loadRoster(folder);
  const certificate = await issue({
    authority,
    identity: { clusterId, kind: 'member', name: memberId },
    publicKey: publicHalf(key),
    from: now,
    until: new Date(now.getTime() + certificateLife(place)),
  });
  const made = { certificate, key };
  writeKeyPair(folder, name, made);
  return made;
}

/** Why what an instance has to show would not be accepted. */
function whyUnfit({ certificate }: KeyPair, { folder, memberId }: Holder, now: Date): string | undefined {
  const x509 = new X509Certificate(certificate);
  const identity = certifiedIdentity(x509);
  if (identity?.name !== memberId) return `its certificate is of ${identity?.name ?? 'nobody'}`;
  if (identity.clusterId !== loadRoster(folder).clusterId) return 'its certificate is of another cluster';
  const trust = { authorities: certificatesIn(readBundle(folder)), revoked: readRevoked(folder) };
  return whyDistrusted(x509, trust, now.getTime());
}

export function cannotProve({ folder, memberId }: Holder): SwarmError {
  const message = `${memberId} has no certificate that counts, and ${folder.security} has no key to make one. Run "raft-manager security token" on the machine where the swarm was made, and here "raft-manager agent FILE --join wss://… --token TOKEN"`;
  return new SwarmError('UNAUTHORIZED', message);
}

/** This folder, or that of the swarm on this machine that it belongs to. */
function authorityNear(folder: SwarmFolder): SwarmFolder | undefined {
  const { beside } = loadRoster(folder);
  const places = [folder, ...(beside === undefined ? [] : [swarmFolder(beside)])];
  return places.find(hasAuthority);
}
