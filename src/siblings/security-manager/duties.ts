import { X509Certificate } from 'node:crypto';
import { members } from '../../protocol/state.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import { certificatesIn } from '../../swarm/link-credentials.ts';
import { loadRoster } from '../../swarm/roster.ts';
import { pendingKey, settlePendingKey, writeBundle } from '../../swarm/security-folder.ts';
import type { RecordWrite } from '../../tasks/member-command.ts';
import type { LinkReport } from '../../transport/port.ts';
import { actOnRecord, memberStore } from './audit-log.ts';
import { createRequest, fingerprintOf, isFor, lifeOf, newKey } from './authority.ts';
import { loadAuthority, settleNextAuthority } from './authority-folder.ts';
import { certificateLife, keepCertificateLife } from './certificate-life.ts';
import { believe, type Guarded } from './guarded.ts';
import { dropOutdated } from './outdated.ts';
import { type CaRecord, ONLY, type SecurityRecords, writing } from './records.ts';
import { proveWith, signRequest, whyNotTo } from './signing.ts';

/** With a third of its life left a certificate is replaced: time for somebody to look when that does not work. */
const RENEW_AT = 1 / 3;

/** One look at what is, and what is to be done about it. */
interface Round {
  readonly guarded: Guarded;
  readonly host: CompanionHost;
  readonly now: Date;
}

/**
 * What is to be done now, in the order in which it must be: each is decided from what the log says, so it makes no
 * difference who was restarted meanwhile. Writes nothing that is so already.
 */
export async function carryOutDuties(round: Round): Promise<void> {
  const { guarded, host } = round;
  await adoptBundle(guarded);
  await adoptCertificate(round);
  await freshenLinks(round);
  const writes = [
    ...foundCa(round),
    ...announceCertificate(guarded),
    ...announceTrust(guarded),
    ...(await askAnew(round)),
  ];
  if (writes.length > 0) await propose(host, writes);
  for (const [memberId, found] of guarded.records.request)
    await answerRequest(round, memberId, found.version);
  await takeNextStep(round);
  await tidyRecords(round);
  tidyAuthority(guarded);
}

/** In a rotation nobody tells who has come into reach, or gone out of it. */
const LOOK_AT_ROTATION_MS = 2_000;

/** When there will be something to do though nothing happens. */
export function nextDutyAt({ pair, records }: Guarded, now: number): number | undefined {
  if (pair === undefined) return undefined;
  // Whoever is let in for a time is put out when that is over.
  const ends = [...records.client.values()].map(({ value }) => value.expiresAt ?? Number.POSITIVE_INFINITY);
  const isRotating = caOf(records)?.phase === 'issue';
  const looks = isRotating ? [now + LOOK_AT_ROTATION_MS] : [];
  return Math.min(renewalOf(pair.certificate), ...looks, ...ends.filter((end) => end > now));
}

/** When a certificate is to be replaced. */
export function renewalOf(certificate: string): number {
  const { from, until } = lifeOf(certificate);
  return until - (until - from) * RENEW_AT;
}

async function propose(host: CompanionHost, writes: readonly RecordWrite[]): Promise<void> {
  await host.execute({ kind: 'record', writes });
}

async function adoptBundle(guarded: Guarded): Promise<void> {
  const ca = caOf(guarded.records);
  if (ca === undefined || guarded.trust === undefined) return;
  const bundle = ca.trusted.map((pem) => `${pem.trim()}\n`).join('');
  if (bundle === guarded.bundle) return;
  // Links show the certificates of when they were dialled: while both authorities count, they are changed for those of now.
  if (ca.phase === 'steady') await guarded.server?.renewLinks();
  writeBundle(guarded.folder, bundle);
  believe(guarded, bundle, guarded.trust.revoked);
  guarded.server?.recheck();
}

/** What was asked for has come. */
async function adoptCertificate({ guarded }: Round): Promise<void> {
  const { folder, memberId, name, pair, records } = guarded;
  const certificate = records.cert.get(memberId)?.value.certificate;
  if (certificate === undefined || certificate === pair?.certificate) return;
  const key = pendingKey(folder, name, newKey);
  if (!isFor(certificate, key)) return;
  guarded.pair = { certificate, key };
  settlePendingKey(folder, name, guarded.pair);
  guarded.server?.recheck();
  await guarded.server?.renewLinks();
}

/**
 * A link that was dialled shows for ever what the other end had then: it is opened anew when that has another certificate,
 * and not cut when the one of then is over.
 */
async function freshenLinks({ guarded: { records, server } }: Round): Promise<void> {
  const isOld = ({ peer, direction, certificate }: LinkReport): boolean => {
    const shows = records.trust.get(peer)?.value.shows;
    return direction === 'out' && shows !== undefined && certificate !== shows;
  };
  const old = (server?.links() ?? []).filter(isOld).map(({ peer }) => peer);
  if (old.length > 0) await server?.renewLinks(old);
  // Time goes on, and certificates end though nothing else has changed.
  server?.recheck();
}

/** The first one to look, where the key of the authority is, tells the others which authority there is. */
function foundCa({ guarded: { bundle, folder, records } }: Round): readonly RecordWrite[] {
  if (records.ca.has(ONLY)) return [];
  const authority = loadAuthority(folder);
  if (authority === undefined) return [];
  const trusted = certificatesIn(bundle).map(String);
  const ca: CaRecord = {
    phase: 'steady',
    trusted,
    signing: fingerprintOf(authority.certificate),
    lifeMs: certificateLife(folder),
    without: [],
  };
  return [writing('ca', ONLY, ca, 0)];
}

/** One that was made on the spot, beside the key of the authority. */
function announceCertificate({ memberId, name, pair, records }: Guarded): readonly RecordWrite[] {
  const known = records.cert.get(memberId);
  if (pair === undefined || known?.value.certificate === pair.certificate) return [];
  // What the others know is later than what is shown here: it was asked for, and is on its way.
  if (known !== undefined && beginOf(known.value.certificate) > beginOf(pair.certificate)) return [];
  const announced = { ...known?.value, name, certificate: pair.certificate };
  return [writing('cert', memberId, announced, known?.version ?? 0)];
}

function beginOf(certificate: string): number {
  return Date.parse(new X509Certificate(certificate).validFrom);
}

function announceTrust({ bundle, memberId, pair, records }: Guarded): readonly RecordWrite[] {
  if (pair === undefined) return [];
  const authorities = certificatesIn(bundle).map(fingerprintOf);
  const shows = fingerprintOf(pair.certificate);
  const known = records.trust.get(memberId)?.value;
  const isKnown = known?.authorities.join() === authorities.join() && known.shows === shows;
  return isKnown ? [] : [writing('trust', memberId, { authorities, shows })];
}

/** A certificate that ends soon, or is of an authority that is to go, is replaced. */
async function askAnew(round: Round): Promise<readonly RecordWrite[]> {
  const { folder, memberId, name, pair, records } = round.guarded;
  if (pair === undefined || records.request.has(memberId)) return [];
  if (round.now.getTime() < renewalOf(pair.certificate) && !isItsTurn(round)) return [];
  const key = pendingKey(folder, name, newKey);
  const csr = await createRequest(key);
  return [writing('request', memberId, { name, csr, proof: proveWith(pair.key, csr) }, 0)];
}

/**
 * One after the other, by name, so that links are opened anew a few at a time. Whoever is out of reach is passed over:
 * it would hold up all who come after it.
 */
function isItsTurn({ guarded, host }: Round): boolean {
  const ca = caOf(guarded.records);
  if (ca?.phase !== 'issue' || guarded.pair === undefined) return false;
  // It has one, and has not said so yet.
  if (isSignedBy(ca, guarded.pair.certificate)) return false;
  const linked = new Set<string>(guarded.server?.links().map(({ peer }) => peer));
  const row = waitingFor(ca, guarded.records, members(host.status().configuration));
  return row.find((id) => id === guarded.memberId || linked.has(id)) === guarded.memberId;
}

/** Members that do not show a certificate of the authority that signs, in the order in which they get one. */
export function waitingFor(
  ca: CaRecord,
  { cert, trust }: SecurityRecords,
  all: readonly string[],
): readonly string[] {
  const hasOne = (id: string): boolean => {
    const certificate = cert.get(id)?.value.certificate;
    if (certificate === undefined || !isSignedBy(ca, certificate)) return false;
    return trust.get(id)?.value.shows === fingerprintOf(certificate);
  };
  return [...all].sort().filter((id) => !ca.without.includes(id) && !hasOne(id));
}

/** By the authority that signs now. */
function isSignedBy({ signing, trusted }: CaRecord, certificate: string): boolean {
  const authority = trusted.find((pem) => fingerprintOf(pem) === signing);
  return (
    authority !== undefined &&
    new X509Certificate(certificate).verify(new X509Certificate(authority).publicKey)
  );
}

/** Members that do not trust all that are to be trusted. */
export function notYetTrusting(
  { trusted, without }: CaRecord,
  { trust }: SecurityRecords,
  all: readonly string[],
): readonly string[] {
  const wanted = trusted.map(fingerprintOf);
  const trusts = (id: string): boolean =>
    wanted.every((one) => trust.get(id)?.value.authorities.includes(one) === true);
  return [...all].sort().filter((id) => !without.includes(id) && !trusts(id));
}

/** Several may have the key; of two that sign, the log takes the first. */
async function answerRequest(
  { guarded, host, now }: Round,
  memberId: string,
  version: number,
): Promise<void> {
  const { folder, records } = guarded;
  const ca = caOf(records);
  const request = records.request.get(memberId)?.value;
  const authority = ca === undefined ? undefined : loadAuthority(folder, ca.signing);
  if (ca === undefined || request === undefined || authority === undefined) return;
  const gone = writing('request', memberId, undefined, version);
  const why = whyNotTo(memberId, request, records);
  if (why !== undefined) {
    host.onTrouble(new Error(`no certificate for ${memberId}: ${why}`));
    return propose(host, [gone]);
  }
  const signing = { authority, clusterId: loadRoster(folder).clusterId, lifeMs: ca.lifeMs, now };
  const certificate = await signRequest(memberId, request, signing);
  const former = records.cert.get(memberId)?.value.former ?? request.former;
  const made = { name: request.name, certificate, ...(former === undefined ? {} : { former }) };
  await propose(host, [gone, writing('cert', memberId, made)]);
}

/** The next step of a rotation, taken by whoever has the keys once everybody is where they must be. */
async function takeNextStep({ guarded: { folder, records }, host }: Round): Promise<void> {
  const found = records.ca.get(ONLY);
  if (found === undefined || found.value.phase === 'steady') return;
  if (loadAuthority(folder) === undefined) return;
  const next = phaseAfter(found.value, records, members(host.status().configuration));
  if (next === undefined) return;
  const step = writing('ca', ONLY, next, found.version);
  if (next.phase !== 'steady') return propose(host, [step]);
  const gone = found.value.trusted.map(fingerprintOf).filter((one) => one !== next.signing);
  const detail = `${next.signing} signs alone; ${gone.join(', ')} counts no more`;
  await actOnRecord(memberStore(host), { by: host.id, subject: 'authority', kind: 'rotation', detail }, [
    step,
  ]);
}

function phaseAfter(ca: CaRecord, records: SecurityRecords, all: readonly string[]): CaRecord | undefined {
  if (ca.phase === 'overlap') {
    const next = ca.trusted.map(fingerprintOf).find((one) => one !== ca.signing);
    if (next === undefined || notYetTrusting(ca, records, all).length > 0) return undefined;
    return { ...ca, phase: 'issue', signing: next };
  }
  if (waitingFor(ca, records, all).length > 0) return undefined;
  const trusted = ca.trusted.filter((pem) => fingerprintOf(pem) === ca.signing);
  return { ...ca, phase: 'steady', trusted, without: [] };
}

/** One is enough to do it. */
async function tidyRecords({ guarded, host, now }: Round): Promise<void> {
  const { configuration, role } = host.status();
  if (role !== 'leader') return;
  const writes = dropOutdated(guarded.records, members(configuration), now.getTime());
  if (writes.length > 0) await propose(host, writes);
}

/** The key of an authority that nobody trusts any more is removed; what the swarm has agreed on holds here from the start. */
function tidyAuthority({ folder, records }: Guarded): void {
  const ca = caOf(records);
  if (ca?.phase !== 'steady' || loadAuthority(folder, ca.signing) === undefined) return;
  keepCertificateLife(folder, ca.lifeMs);
  settleNextAuthority(folder, ca.signing);
}

function caOf({ ca }: SecurityRecords): CaRecord | undefined {
  return ca.get(ONLY)?.value;
}
