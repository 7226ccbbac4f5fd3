import { timingSafeEqual } from 'node:crypto';
import { type Outcome, SwarmError } from '../../protocol/errors.ts';
import { distrustOf, type Trust } from '../../swarm/link-credentials.ts';
import { certifiedIdentity } from '../../transport/client-credentials.ts';
import type { Claim, LinkRole } from '../../transport/port.ts';
import type { SecurityRecords } from './records.ts';
import { hashOf, isSecretOf, readSaidToken, type SaidToken } from './tokens.ts';

const NOBODY = hashOf('nobody has this');

/** What decides about who is let in. */
export interface GateView {
  readonly clusterId: string;
  /** Known to the owner of this machine's folder alone, and good on this machine alone once there are certificates. */
  readonly localToken: string;
  /** Undefined while the swarm is without TLS. */
  readonly trust: Trust | undefined;
  readonly records: Pick<SecurityRecords, 'client' | 'join'>;
}

/** The role of whoever claims this, or why it is refused. The reasons tell a stranger nothing that it could use. */
export function judge(claim: Claim, view: GateView, now: number): Outcome<LinkRole> {
  if (view.trust === undefined) return judgeWithoutTls(claim, view, now);
  if (claim.certificate !== undefined) return judgeCertificate(claim, view, now);
  if (claim.kind === 'peer')
    return refused('members show a certificate here; join with a token of "raft-manager security token"');
  return judgeToken(claim, view, now);
}

function judgeWithoutTls(claim: Claim, view: GateView, now: number): Outcome<LinkRole> {
  if (claim.kind === 'client') return judgeToken({ ...claim, isHere: true }, view, now);
  return isLocalToken(claim.token, view) ? granted('member') : refused('this token is not accepted');
}

function judgeCertificate(
  { kind, nodeId, certificate }: Claim,
  { clusterId, trust, records }: GateView,
  now: number,
): Outcome<LinkRole> {
  if (certificate === undefined || trust === undefined) return refused('there is no certificate');
  const error = distrustOf(certificate, trust, now);
  if (error !== undefined) return { ok: false, error };
  const identity = certifiedIdentity(certificate);
  if (identity?.clusterId !== clusterId) {
    return { ok: false, error: new SwarmError('WRONG_CLUSTER', 'the certificate is of another cluster') };
  }
  const { name } = identity;
  if (identity.kind === 'member') {
    if (kind === 'client' || name === nodeId) return granted('member');
    return refused(`whoever says ${nodeId} has the certificate of ${name}`);
  }
  if (kind === 'peer') return refused(`${name} has the certificate of a client`);
  const known = records.client.get(name)?.value;
  if (known === undefined) return refused(`no client ${name} is known`);
  return isOver(known.expiresAt, now) ? refused(`the access of ${name} is over`) : granted(known.role);
}

function judgeToken({ token, isHere }: Claim, view: GateView, now: number): Outcome<LinkRole> {
  const said = readSaidToken(token);
  if (said !== undefined)
    return said.kind === 'client' ? judgeClient(said, view, now) : judgeNewcomer(said, view, now);
  if (!isLocalToken(token, view)) return refused('this token is not accepted');
  return isHere ? granted('member') : refused('this token is good on the machine of its swarm alone');
}

function judgeClient({ name, secret }: SaidToken, { records }: GateView, now: number): Outcome<LinkRole> {
  const known = records.client.get(name)?.value;
  const hash = known?.hash;
  // It takes as long for a name that nobody has as for one that somebody has.
  const isRight = isSecretOf(secret, hash ?? NOBODY);
  if (!isRight || known === undefined || hash === undefined) return refused('this token is not accepted');
  return isOver(known.expiresAt, now) ? refused(`the access of ${name} is over`) : granted(known.role);
}

function judgeNewcomer({ name, secret }: SaidToken, { records }: GateView, now: number): Outcome<LinkRole> {
  const known = records.join.get(name)?.value;
  const isRight = isSecretOf(secret, known?.hash ?? NOBODY);
  if (!isRight || known === undefined) return refused('this token is not accepted');
  if (known.used !== undefined) return refused('this token was used already; each is good once');
  return isOver(known.expiresAt, now) ? refused('this token has expired') : granted('newcomer');
}

/** In constant time: hashes are of one length. */
function isLocalToken(token: string, { localToken }: GateView): boolean {
  return timingSafeEqual(Buffer.from(hashOf(token)), Buffer.from(hashOf(localToken)));
}

function isOver(expiresAt: number | null, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

function granted(role: LinkRole): Outcome<LinkRole> {
  return { ok: true, value: role };
}

function refused(why: string): Outcome<LinkRole> {
  return { ok: false, error: new SwarmError('UNAUTHORIZED', why) };
}
