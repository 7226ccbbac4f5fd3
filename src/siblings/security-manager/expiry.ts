import { X509Certificate } from 'node:crypto';
import { certificatesIn } from '../../swarm/link-credentials.ts';
import { lifeOf } from './authority.ts';
import { DAY_MS } from './certificate-life.ts';
import { renewalOf } from './duties.ts';
import type { Guarded } from './guarded.ts';

/** A certificate that should have been replaced by now is a sign that somebody has to look. */
const OVERDUE = 1 / 4;
const AUTHORITY_NOTICE_MS = 180 * DAY_MS;

/** When a certificate that was not replaced is worth a warning. */
export function warningAt(certificate: string): number {
  const { until } = lifeOf(certificate);
  return until - (until - renewalOf(certificate)) * (OVERDUE * 3);
}

/** What the operator of an instance is told about the time that its certificates have left. */
export function warningsOf(
  { bundle, memberId, pair }: Pick<Guarded, 'bundle' | 'memberId' | 'pair'>,
  now: number,
): readonly string[] {
  const warnings: string[] = [];
  if (pair !== undefined && now >= warningAt(pair.certificate)) {
    const { validTo } = new X509Certificate(pair.certificate);
    warnings.push(
      `the certificate of ${memberId} ends on ${validTo} and was not replaced; is an instance up beside the key of the authority?`,
    );
  }
  return pair === undefined ? warnings : [...warnings, ...authorityWarnings(bundle, now)];
}

/** What is said half a year before the authorities in `bundle` end. */
export function authorityWarnings(bundle: string, now: number): readonly string[] {
  return certificatesIn(bundle)
    .filter(({ validTo }) => Date.parse(validTo) - now <= AUTHORITY_NOTICE_MS)
    .map(
      ({ validTo }) => `the authority of the swarm ends on ${validTo}; run "raft-manager security rotate"`,
    );
}
