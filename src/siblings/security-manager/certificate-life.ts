import { join } from 'node:path';
import type { Millis } from '../../protocol/ids.ts';
import { DEFAULT_CERTIFICATE_DAYS } from '../../protocol/limits.ts';
import { writeWhole } from '../../swarm/files.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import { readIfThere } from '../../swarm/security-folder.ts';

export const DAY_MS: Millis = 24 * 60 * 60 * 1000;

const DEFAULT_LIFE_MS: Millis = DEFAULT_CERTIFICATE_DAYS * DAY_MS;

/**
 * How long certificates of members last. It lies beside the key of the authority, for the instances there make
 * certificates before they have a log that says so.
 */
export function certificateLife(folder: SwarmFolder): Millis {
  const life = Number(readIfThere(path(folder)) ?? DEFAULT_LIFE_MS);
  return Number.isSafeInteger(life) && life > 0 ? life : DEFAULT_LIFE_MS;
}

export function keepCertificateLife(folder: SwarmFolder, lifeMs: Millis): void {
  if (certificateLife(folder) !== lifeMs) writeWhole(path(folder), `${lifeMs}\n`, 0o600);
}

const path = ({ security }: SwarmFolder): string => join(security, 'certificate-life');
