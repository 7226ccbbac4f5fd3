import { randomBytes, X509Certificate } from 'node:crypto';
import { SwarmError } from '../../protocol/errors.ts';
import { isId, type Millis, type NodeId } from '../../protocol/ids.ts';
import { members } from '../../protocol/state.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import { certificatesIn } from '../../swarm/link-credentials.ts';
import type { Swarm } from '../../swarm/port.ts';
import { loadRoster } from '../../swarm/roster.ts';
import { isSecured, readBundle } from '../../swarm/security-folder.ts';
import type { RecordWrite } from '../../tasks/member-command.ts';
import { noteOperatorAction } from './audit-log.ts';
import type { AuditEvent } from './audit-record.ts';
import { fingerprintOf } from './authority.ts';
import { hasAuthority, loadAuthority, prepareNextAuthority } from './authority-folder.ts';
import { DAY_MS } from './certificate-life.ts';
import { notYetTrusting, waitingFor } from './duties.ts';
import { authorityWarnings, warningAt } from './expiry.ts';
import {
  type CaRecord,
  type ClientRole,
  NAMESPACE,
  ONLY,
  readRecords,
  type SecurityRecords,
  writing,
} from './records.ts';
import { ofOneKey } from './signing.ts';
import { hashOf, newSecret, saidToken, writeJoinToken } from './tokens.ts';

/** Somebody who talks to the swarm, and the folder in which it lies on this machine. */
export interface Office {
  /** For the audit log: who acts. */
  readonly by: string;
  readonly swarm: Pick<Swarm, 'execute' | 'query'>;
  readonly folder: SwarmFolder;
}

export interface NewToken<Until extends number | null = number> {
  /** To be handed to whoever is to get in; it is written down nowhere else. */
  readonly token: string;
  /** Milliseconds of the wall clock; null: it does not expire. */
  readonly expiresAt: Until;
}

/** A token with which one instance may join, once, until it expires. @throws SwarmError UNAUTHORIZED without certificates */
export async function createJoinToken(office: Office, lifeMs: Millis): Promise<NewToken> {
  const { folder, swarm } = office;
  const pin = fingerprintOf(signingCertificate(folder, await securityRecords(swarm)));
  const { clusterId } = loadRoster(folder);
  const [name, secret] = [randomBytes(6).toString('hex'), newSecret()];
  const now = Date.now();
  const expiresAt = now + lifeMs;
  await act(
    office,
    { subject: `token ${name}`, kind: 'token-issued', detail: `lets one join ${untilWords(expiresAt)}` },
    writing('join', name, { hash: hashOf(secret), createdAt: now, expiresAt }, 0),
  );
  return { token: writeJoinToken({ clusterId, pin, name, secret }), expiresAt };
}

/** The authority that newcomers will find: the one that signs. */
function signingCertificate(folder: SwarmFolder, { ca }: SecurityRecords): string {
  checkSecured(folder);
  const bundle = certificatesIn(readBundle(folder));
  const signing = ca.get(ONLY)?.value.signing;
  const found = bundle.find((one) => fingerprintOf(one) === signing) ?? bundle[0];
  if (found === undefined)
    throw new SwarmError('DATA_DAMAGED', `${folder.security} holds no certificate of an authority`);
  return found.toString();
}

export interface NewClient {
  readonly name: string;
  readonly role: ClientRole;
  /** Null: for ever. */
  readonly lifeMs: Millis | null;
}

/** Lets somebody in who is no member. Its token; the same name again replaces what it had. */
export async function createClient(
  office: Office,
  { name, role, lifeMs }: NewClient,
): Promise<NewToken<number | null>> {
  checkClientName(name);
  const secret = newSecret();
  const now = Date.now();
  const expiresAt = lifeMs === null ? null : now + lifeMs;
  await act(
    office,
    {
      subject: `client ${name}`,
      kind: 'client-issued',
      detail: `let in as ${role} ${untilWords(expiresAt)}`,
    },
    writing('client', name, { role, hash: hashOf(secret), createdAt: now, expiresAt }),
  );
  return { token: saidToken({ kind: 'client', name, secret }), expiresAt };
}

/** In one entry of the log, with the record of it: however many certificates somebody has had made. */
const MAX_REVOKED_AT_ONCE = 32;

/**
 * Nobody lets it in any more, from the moment when this is in the log: a member by its id, or a client as `client/NAME`.
 * A member belongs to the swarm all the same until it is removed. What was made by the same key as its certificate goes with it.
 *
 * @throws SwarmError UNKNOWN_MEMBER
 */
export async function revoke(office: Office, who: string, why: string): Promise<void> {
  const { swarm } = office;
  const records = await securityRecords(swarm);
  if (who.startsWith('client/')) {
    const name = who.slice('client/'.length);
    if (!records.client.has(name))
      throw new SwarmError(
        'UNKNOWN_MEMBER',
        `no client ${name} is known; "raft-manager security status" names them`,
      );
    return act(
      office,
      { subject: `client ${name}`, kind: 'revoked', detail: why },
      writing('client', name, undefined),
    );
  }
  const isKnown =
    records.cert.has(who) || (await swarm.query({ kind: 'members' })).some(({ id }) => id === who);
  if (!isKnown)
    throw new SwarmError(
      'UNKNOWN_MEMBER',
      `no member ${who} is known; "raft-manager security status" names them`,
    );
  const ids = ofOneKey(who, records).filter((id) => !records.revoked.has(id));
  for (let from = 0; from < ids.length; from += MAX_REVOKED_AT_ONCE) {
    const some = ids.slice(from, from + MAX_REVOKED_AT_ONCE);
    const others = some.filter((id) => id !== who);
    const along = others.length === 0 ? '' : `; with it what was made by the same key: ${others.join(', ')}`;
    await act(
      office,
      { subject: `member ${who}`, kind: 'revoked', detail: `${why}${along}` },
      ...some.map((id) => writing('revoked', id, { at: Date.now(), why })),
    );
  }
}

export interface RotationWish {
  /** Members that are not waited for, and have to join anew afterwards. Default: none. */
  readonly without?: readonly string[];
  /** How long certificates last from now on. Default: as before. */
  readonly lifeMs?: Millis;
}

/**
 * Begins to replace the authority; the instances do the rest. Goes on with a rotation that is under way.
 *
 * @throws SwarmError UNAUTHORIZED where the key of the authority is not.
 */
export async function beginRotation(office: Office, wish: RotationWish = {}): Promise<void> {
  const { folder, swarm } = office;
  const { without = [] } = wish;
  checkSecured(folder);
  if (!hasAuthority(folder)) {
    throw new SwarmError(
      'UNAUTHORIZED',
      `${folder.security} has not the key of the authority; rotate where the swarm was made`,
    );
  }
  const found = (await securityRecords(swarm)).ca.get(ONLY);
  if (found === undefined)
    throw new SwarmError('NOT_READY', 'no instance beside the key of the authority has come up yet');
  const { value: ca, version } = found;
  const { lifeMs = ca.lifeMs } = wish;
  const lifeWords = lifeMs === ca.lifeMs ? '' : `; certificates last ${lifeMs / DAY_MS} days`;
  if (ca.phase === 'steady') {
    const next = await prepareNextAuthority(folder, new Date());
    const changed: CaRecord = {
      ...ca,
      phase: 'overlap',
      trusted: [...ca.trusted, next.certificate],
      without: [...without],
      lifeMs,
    };
    const detail = `${fingerprintOf(next.certificate)} follows ${ca.signing}${lifeWords}${withoutWords(without)}`;
    return act(
      office,
      { subject: 'authority', kind: 'rotation', detail },
      writing('ca', ONLY, changed, version),
    );
  }
  const all = [...new Set([...ca.without, ...without])];
  if (all.length === ca.without.length && lifeMs === ca.lifeMs) return;
  const detail = `goes on${lifeWords}${withoutWords(all)}`;
  await act(
    office,
    { subject: 'authority', kind: 'rotation', detail },
    writing('ca', ONLY, { ...ca, without: all, lifeMs }, version),
  );
}

/** Whose turn it is in a rotation; undefined when none is under way. */
interface RotationState {
  readonly phase: 'overlap' | 'issue';
  /** Members that have not come so far yet. */
  readonly waitingFor: readonly string[];
}

interface CertificateState {
  readonly id: string;
  readonly name: string;
  readonly isMember: boolean;
  /** When its certificate ends; null while it has none that the log knows. */
  readonly expiresAt: string | null;
  readonly fingerprint: string | null;
  readonly isRevoked: boolean;
}

export interface SecurityState {
  readonly secured: boolean;
  readonly authorities: readonly {
    readonly fingerprint: string;
    readonly expiresAt: string;
    readonly signs: boolean;
  }[];
  /** How long certificates of members last; null while no log says so. */
  readonly certificateLifeMs: number | null;
  /** The key of the authority that signs is on this machine. */
  readonly hasKey: boolean;
  readonly rotation: RotationState | null;
  readonly certificates: readonly CertificateState[];
  readonly clients: readonly {
    readonly name: string;
    readonly role: ClientRole;
    readonly expiresAt: string | null;
  }[];
  readonly joinTokens: { readonly open: number; readonly used: number; readonly expired: number };
  readonly revoked: readonly { readonly id: string; readonly at: string; readonly why: string }[];
  readonly warnings: readonly string[];
}

/** Who may get in, by what, and until when. Nothing of it is secret. */
export async function securityState({
  swarm,
  folder,
}: Pick<Office, 'folder' | 'swarm'>): Promise<SecurityState> {
  const records = await securityRecords(swarm);
  const { configuration } = await swarm.query({ kind: 'status' });
  const ids = members(configuration);
  const secured = isSecured(folder);
  const ca = records.ca.get(ONLY)?.value;
  const now = Date.now();
  const certificates = certificateStates(records, ids);
  return {
    secured,
    authorities: certificatesIn(ca?.trusted.join('\n') ?? (secured ? readBundle(folder) : '')).map((one) => {
      const fingerprint = fingerprintOf(one);
      return { fingerprint, expiresAt: isoOf(one.validTo), signs: fingerprint === ca?.signing };
    }),
    certificateLifeMs: ca?.lifeMs ?? null,
    hasKey: secured && loadAuthority(folder, ca?.signing) !== undefined,
    rotation: ca === undefined ? null : rotationOf(ca, records, ids),
    certificates,
    clients: [...records.client].map(
      ([
        name,
        {
          value: { role, expiresAt },
        },
      ]) => {
        return { name, role, expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString() };
      },
    ),
    joinTokens: tokenCounts(records, now),
    revoked: [...records.revoked].map(([id, { value }]) => ({
      id,
      at: new Date(value.at).toISOString(),
      why: value.why,
    })),
    warnings: [
      ...certificates.flatMap((one) => warningFor(one, records, now)),
      ...authorityWarnings(ca?.trusted.join('\n') ?? '', now),
    ],
  };
}

function certificateStates(
  { cert, revoked }: SecurityRecords,
  ids: readonly NodeId[],
): readonly CertificateState[] {
  const all = [...new Set<string>([...ids, ...cert.keys()])].sort();
  return all.map((id) => {
    const known = cert.get(id)?.value;
    const x509 = known === undefined ? undefined : new X509Certificate(known.certificate);
    return {
      id,
      name: known?.name ?? id,
      isMember: ids.some((one) => one === id),
      expiresAt: x509 === undefined ? null : isoOf(x509.validTo),
      fingerprint: x509 === undefined ? null : fingerprintOf(x509),
      isRevoked: revoked.has(id),
    };
  });
}

function warningFor(
  { id, isMember, isRevoked, expiresAt }: CertificateState,
  { cert }: SecurityRecords,
  now: number,
): readonly string[] {
  const certificate = cert.get(id)?.value.certificate;
  if (!isMember || certificate === undefined) return [];
  if (isRevoked) return [`${id} is revoked and still a member; run "raft-manager members remove ${id}"`];
  if (now < warningAt(certificate)) return [];
  return [
    `the certificate of ${id} ends on ${expiresAt} and was not replaced; is it up, and an instance beside the key of the authority?`,
  ];
}

function rotationOf(ca: CaRecord, records: SecurityRecords, ids: readonly string[]): RotationState | null {
  if (ca.phase === 'steady') return null;
  const waiting = ca.phase === 'overlap' ? notYetTrusting(ca, records, ids) : waitingFor(ca, records, ids);
  return { phase: ca.phase, waitingFor: waiting };
}

function tokenCounts({ join }: SecurityRecords, now: number): SecurityState['joinTokens'] {
  const all = [...join.values()].map(({ value }) => value);
  const used = all.filter((one) => one.used !== undefined).length;
  const expired = all.filter((one) => one.used === undefined && one.expiresAt <= now).length;
  return { open: all.length - used - expired, used, expired };
}

function isoOf(validTo: string): string {
  return new Date(validTo).toISOString();
}

export async function securityRecords(swarm: Pick<Swarm, 'query'>): Promise<SecurityRecords> {
  return readRecords(await swarm.query({ kind: 'records', namespace: NAMESPACE }));
}

/** The change, and the record of who has made it. */
function act(
  { by, swarm }: Office,
  what: Pick<AuditEvent, 'subject' | 'kind' | 'detail'>,
  ...changes: readonly RecordWrite[]
): Promise<void> {
  return noteOperatorAction(swarm, { by, ...what }, changes);
}

function untilWords(expiresAt: number | null): string {
  return expiresAt === null ? 'until it is revoked' : `until ${new Date(expiresAt).toISOString()}`;
}

function withoutWords(ids: readonly string[]): string {
  return ids.length === 0 ? '' : `; not waiting for ${ids.join(', ')}`;
}

/** @throws SwarmError BAD_INPUT */
export function checkClientName(name: string): void {
  if (isId(name)) return;
  throw new SwarmError('BAD_INPUT', `"${name}" cannot be a name: expected 1 to 64 of A-Z a-z 0-9 . _ -`);
}

/** @throws SwarmError UNAUTHORIZED */
export function checkSecured(folder: SwarmFolder): void {
  if (isSecured(folder)) return;
  throw new SwarmError(
    'UNAUTHORIZED',
    `the swarm in ${folder.root} has no certificates; run "raft-manager down", "raft-manager security init", "raft-manager up"`,
  );
}
