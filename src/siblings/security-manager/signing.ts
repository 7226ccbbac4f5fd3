import { createPrivateKey, sign, verify, X509Certificate } from 'node:crypto';
import { SwarmError } from '../../protocol/errors.ts';
import { type Authority, issue, readRequest } from './authority.ts';
import type { RequestRecord, SecurityRecords } from './records.ts';

/** Says with the key of a certificate that one has that another one is wanted. */
export function proveWith(key: string, csr: string): string {
  return sign('sha256', Buffer.from(csr), createPrivateKey(key)).toString('base64');
}

/**
 * Why nobody may have a certificate for `memberId` by this request; undefined when it may. It has to prove that it is the
 * member, or was one of that name before it lost its data, or was let in with a token.
 */
export function whyNotTo(
  memberId: string,
  request: RequestRecord,
  records: SecurityRecords,
): string | undefined {
  const { name, former, csr, proof } = request;
  if (records.revoked.has(memberId)) return `${memberId} was revoked`;
  const known = records.cert.get(memberId)?.value;
  if (known === undefined && former === undefined) {
    return isLetIn(memberId, name, records) ? undefined : `${memberId} was let in by nobody`;
  }
  const shown = known === undefined ? former : memberId;
  if (shown !== undefined && records.revoked.has(shown)) return `${shown} was revoked`;
  const before = shown === undefined ? undefined : records.cert.get(shown)?.value;
  if (before === undefined) return `${shown} had no certificate`;
  if (before.name !== name) return `${shown} was called ${before.name}, and not ${name}`;
  return isProof(before.certificate, csr, proof) ? undefined : `it has not the key of ${shown}`;
}

function isLetIn(memberId: string, name: string, { join }: SecurityRecords): boolean {
  return [...join.values()].some(({ value: { used } }) => used?.memberId === memberId && used.name === name);
}

export function isProof(certificate: string, csr: string, proof: string | undefined): boolean {
  if (proof === undefined) return false;
  const { publicKey } = new X509Certificate(certificate);
  return verify('sha256', Buffer.from(csr), publicKey, Buffer.from(proof, 'base64'));
}

export interface Signing {
  readonly authority: Authority;
  readonly clusterId: string;
  readonly lifeMs: number;
  readonly now: Date;
}

/** PEM of the certificate that a request asks for. @throws SwarmError MALFORMED */
export async function signRequest(
  memberId: string,
  { csr }: RequestRecord,
  { authority, clusterId, lifeMs, now }: Signing,
): Promise<string> {
  if (memberId === '') throw new SwarmError('MALFORMED', 'a certificate is for somebody');
  return issue({
    authority,
    identity: { clusterId, kind: 'member', name: memberId },
    publicKey: await readRequest(csr),
    from: now,
    until: new Date(now.getTime() + lifeMs),
  });
}

/**
 * A member that lost its data is known under another id afterwards, and its machine has been all of them. Whoever got at
 * its key may have had certificates made under ids that nobody has heard of: they are worth nothing any more, either.
 */
export function ofOneKey(who: string, { cert }: SecurityRecords): readonly string[] {
  const found = new Set([who]);
  for (const id of found) {
    const former = cert.get(id)?.value.former;
    if (former !== undefined) found.add(former);
    for (const [other, { value }] of cert) if (value.former === id) found.add(other);
  }
  return [...found];
}
