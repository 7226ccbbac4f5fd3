import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import { DAY_MS } from '../../siblings/security-manager/certificate-life.ts';
import {
  beginRotation,
  revoke,
  type SecurityState,
  securityState,
} from '../../siblings/security-manager/manager.ts';
import type { ReachOptions } from '../options.ts';
import { OPERATOR, printJson, printLine, reachableFolder, withSwarm } from '../reach.ts';
import { changeMembers } from '../service/execute-members.ts';

export interface RevokeOptions extends ReachOptions {
  readonly why: string;
  readonly keepMember?: true;
  readonly force?: true;
}

export interface RotateOptions extends ReachOptions {
  readonly without?: readonly string[];
  readonly certificateDays?: number;
}

const LOOK_AGAIN_MS = 100;

/** Puts somebody out for good: links first, everywhere, and then out of the configuration. */
export async function revokeAccess(who: string, options: RevokeOptions): Promise<void> {
  const folder = await reachableFolder(options);
  await withSwarm(options, (swarm) => revoke({ by: OPERATOR, swarm, folder }, who, options.why));
  const isClient = who.startsWith('client/');
  if (isClient || options.keepMember) {
    if (options.json) printJson({ revoked: who });
    else printLine(`${who} is let in nowhere any more`);
    return;
  }
  if (!options.json) printLine(`${who} is let in nowhere any more; its links are cut`);
  await changeMembers({ kind: 'remove', ids: [who] }, options);
}

/** Replaces the authority, and every certificate after it, while the swarm works. Waits until that is done. */
export async function rotateAuthority(options: RotateOptions): Promise<void> {
  const folder = await reachableFolder(options);
  const { certificateDays, without = [] } = options;
  const life = certificateDays === undefined ? {} : { lifeMs: certificateDays * DAY_MS };
  await withSwarm(options, (swarm) => beginRotation({ by: OPERATOR, swarm, folder }, { without, ...life }));
  let said = '';
  for (const deadline = performance.now() + options.timeout; ; await delay(LOOK_AGAIN_MS)) {
    const state = await withSwarm(options, (swarm) => securityState({ swarm, folder }));
    const { rotation } = state;
    if (rotation === null) return done(state, options);
    const line = wordsFor(rotation);
    if (line !== said && !options.json) printLine(line);
    said = line;
    if (performance.now() > deadline) throw late(rotation);
  }
}

function done({ authorities }: SecurityState, { json }: RotateOptions): void {
  const [authority] = authorities;
  if (json) printJson({ fingerprint: authority?.fingerprint ?? null });
  else
    printLine(
      `authority ${authority?.fingerprint} signs; the one before counts no more, and its key is gone`,
    );
}

type Rotation = NonNullable<SecurityState['rotation']>;

function wordsFor({ phase, waitingFor }: Rotation): string {
  const who = waitingFor.join(', ') || 'nobody';
  return phase === 'overlap'
    ? `the new authority is made known; still unknown to ${who}`
    : `members get new certificates, one after the other; still without: ${who}`;
}

function late({ phase, waitingFor }: Rotation): SwarmError {
  const who = waitingFor.join(', ');
  const what = phase === 'overlap' ? 'does not trust the new authority yet' : 'has no new certificate yet';
  const without = waitingFor.map((id) => ` --without ${id}`).join('');
  const message = `${who} ${what}; the rotation goes on by itself when it is up. Or leave it behind: "raft-manager security rotate${without}", and it has to join anew`;
  return new SwarmError('TIMEOUT', message);
}
