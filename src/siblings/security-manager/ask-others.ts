import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import { SwarmClient } from '../../swarm/client.ts';
import { type KeyPair, pendingKey, readKeyPair, settlePendingKey } from '../../swarm/security-folder.ts';
import { createRequest, isFor, newKey } from './authority.ts';
import { securityRecords } from './manager.ts';
import type { Holder } from './own-certificate.ts';
import { writing } from './records.ts';
import { proveWith } from './signing.ts';

const PATIENCE_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/**
 * An instance that lost its data comes up under another id, and needs a certificate for that: it proves its name with the
 * key that it still has. Undefined when it has none.
 *
 * @throws SwarmError TIMEOUT when nobody signs; NOT_RUNNING, NO_QUORUM when the swarm cannot be reached.
 */
export async function askOthers(
  holder: Holder,
  former: string | undefined,
  version: string,
): Promise<KeyPair | undefined> {
  const { folder, name, memberId } = holder;
  const before = readKeyPair(folder, name);
  if (before === undefined || former === undefined) return undefined;
  const key = pendingKey(folder, name, newKey);
  const csr = await createRequest(key);
  const swarm = new SwarmClient({ folder, name: `certify-${process.pid}`, version, except: name });
  try {
    const request = { name, csr, former, proof: proveWith(before.key, csr) };
    await swarm.execute({ kind: 'record', writes: [writing('request', memberId, request)] });
    for (
      const deadline = performance.now() + PATIENCE_MS;
      performance.now() < deadline;
      await delay(LOOK_AGAIN_MS)
    ) {
      const { cert, request: pending } = await securityRecords(swarm);
      const certificate = cert.get(memberId)?.value.certificate;
      if (certificate !== undefined && isFor(certificate, key)) {
        settlePendingKey(folder, name, { certificate, key });
        return { certificate, key };
      }
      if (!pending.has(memberId)) return undefined;
    }
  } finally {
    await swarm.close();
  }
  throw new SwarmError(
    'TIMEOUT',
    `nobody signs the certificate of ${memberId}: no instance is up on the machine with the key of the authority`,
  );
}
