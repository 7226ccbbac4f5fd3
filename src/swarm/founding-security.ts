import { existsSync, renameSync } from 'node:fs';
import { SwarmError } from '../protocol/errors.ts';
import { type SwarmFolder, swarmFolder } from './layout.ts';
import { isLoopback } from './link-credentials.ts';
import { isSecured } from './security-folder.ts';

/** Takes over the authority that was made before there was a swarm. */
export function adoptPreparedSecurity(state: string, folder: SwarmFolder): void {
  const prepared = swarmFolder(state);
  if (isSecured(prepared) && !existsSync(folder.security)) renameSync(prepared.security, folder.security);
}

/** The swarm never began; its authority waits for the next one. */
export function giveBackSecurity(state: string, folder: SwarmFolder): void {
  const prepared = swarmFolder(state).security;
  if (existsSync(folder.security) && !existsSync(prepared)) renameSync(folder.security, prepared);
}

/** True when there is an authority for the swarm in `folder`, or for the one that will be made there. */
export function hasSecurity(state: string, folder: SwarmFolder): boolean {
  return isSecured(folder) || (!existsSync(folder.roster) && isSecured(swarmFolder(state)));
}

/**
 * Nobody elsewhere is listened to without TLS: whoever reads that network would read the secret, and be a member.
 * `remedy`: the commands that mend it.
 *
 * @throws SwarmError BAD_INPUT
 */
export function checkExposure(host: string, secured: boolean, remedy: string): void {
  if (secured || isLoopback(host)) return;
  const message = `instances on ${host} would speak without TLS, and whoever reads along there would be a member. Run ${remedy}`;
  throw new SwarmError('BAD_INPUT', message, { host });
}
