import { SwarmError } from '../../protocol/errors.ts';
import type { Millis } from '../../protocol/ids.ts';
import { loadRoster } from '../../swarm/roster.ts';
import type { KeyPair } from '../../swarm/security-folder.ts';
import { noteOperatorAction } from './audit-log.ts';
import { issue, newKey, publicHalf } from './authority.ts';
import { loadAuthority } from './authority-folder.ts';
import { checkClientName, checkSecured, type Office, securityRecords } from './manager.ts';
import { type ClientRole, ONLY, writing } from './records.ts';

export interface CertifiedClient {
  readonly name: string;
  readonly role: ClientRole;
  readonly lifeMs: Millis;
}

/**
 * Lets somebody in who is no member, by a certificate of the authority that signs. The key is made here and kept nowhere:
 * whoever calls this hands it on. The same name again replaces what it had; a rotation of the authority ends it.
 *
 * @throws SwarmError BAD_INPUT, UNAUTHORIZED where the key of the authority is not
 */
export async function certifyClient(
  { by, folder, swarm }: Office,
  { name, role, lifeMs }: CertifiedClient,
): Promise<{ readonly pair: KeyPair; readonly expiresAt: number }> {
  checkClientName(name);
  checkSecured(folder);
  const { ca } = await securityRecords(swarm);
  const authority = loadAuthority(folder, ca.get(ONLY)?.value.signing);
  if (authority === undefined) {
    throw new SwarmError(
      'UNAUTHORIZED',
      `${folder.security} has not the key of the authority; make the certificate where the swarm was made, or a token without --certificate`,
    );
  }
  const key = newKey();
  const now = new Date();
  const until = new Date(now.getTime() + lifeMs);
  const certificate = await issue({
    authority,
    identity: { clusterId: loadRoster(folder).clusterId, kind: 'client', name },
    publicKey: publicHalf(key),
    from: now,
    until,
  });
  const [createdAt, expiresAt] = [now.getTime(), until.getTime()];
  const detail = `let in as ${role} by a certificate until ${until.toISOString()}`;
  await noteOperatorAction(swarm, { by, subject: `client ${name}`, kind: 'client-issued', detail }, [
    writing('client', name, { role, createdAt, expiresAt }),
  ]);
  return { pair: { certificate, key }, expiresAt };
}
