import type { Millis } from '../../protocol/ids.ts';
import { SwarmClient } from '../../swarm/client.ts';
import { findSwarm } from '../../swarm/discovery.ts';
import { locateProject } from '../../swarm/layout.ts';
import {
  beginRotation,
  createClient,
  createJoinToken,
  type NewClient,
  type NewToken,
  type RotationWish,
  revoke,
  type SecurityState,
  securityState,
} from './manager.ts';

export interface SecurityManagerOptions {
  /** State folder, or that of one swarm. Default: `RAFT_MANAGER_DIR`, or `.raft-manager` of the current folder's project. */
  readonly dir?: string;
}

/** The security manager of a swarm that lies on this machine, as a program sees it. */
export interface SecurityManager {
  /** Who may get in, by what and until when; nothing secret. */
  status(): Promise<SecurityState>;
  /** For one instance, which joins with it once. @throws SwarmError UNAUTHORIZED when the swarm has no certificates */
  joinToken(lifeMs?: Millis): Promise<NewToken>;
  /** For somebody who is no member. */
  clientToken(client: NewClient): Promise<NewToken<number | null>>;
  /** A member by its id, or `client/NAME`, from now on. @throws SwarmError UNKNOWN_MEMBER */
  revoke(who: string, why: string): Promise<void>;
  /** Begins to replace all keys; `status().rotation` says how far that is. @throws SwarmError UNAUTHORIZED */
  rotate(wish?: RotationWish): Promise<void>;
  close(): Promise<void>;
}

const HOUR_MS: Millis = 3_600_000;

/** @throws SwarmError NOT_RUNNING when there is no swarm there. */
export function securityManager({ dir }: SecurityManagerOptions = {}): SecurityManager {
  const folder = findSwarm(locateProject(dir, process.env, process.cwd()));
  const by = `security-${process.pid}`;
  const swarm = new SwarmClient({ folder, name: by, version: 'library' });
  const office = { by, swarm, folder };
  return {
    status: () => securityState(office),
    joinToken: (lifeMs = HOUR_MS) => createJoinToken(office, lifeMs),
    clientToken: (client) => createClient(office, client),
    revoke: (who, why) => revoke(office, who, why),
    rotate: (wish) => beginRotation(office, wish),
    close: () => swarm.close(),
  };
}
