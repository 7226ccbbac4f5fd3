import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Executor } from '../../../src/agents/executors/port.ts';
import { type JoinedInstance, joinSwarm } from '../../../src/api/join-swarm.ts';
import { type Millis, nodeId } from '../../../src/protocol/ids.ts';
import { foundAuthority } from '../../../src/siblings/security-manager/authority-folder.ts';
import {
  createJoinToken,
  type Office,
  type SecurityState,
  securityState,
} from '../../../src/siblings/security-manager/manager.ts';
import { joinedFolder } from '../../../src/swarm/joined-folder.ts';
import { locateProject, type SwarmFolder } from '../../../src/swarm/layout.ts';
import { type Standing, stand, until } from '../../swarm/instances.ts';
import { HOUR_MS } from './pki.ts';

/** Three instances beside the key of their authority, over real links under TLS. */
export interface SecuredSwarm extends Standing {
  readonly office: Office;
  state(): Promise<SecurityState>;
  untilState(isSo: (state: SecurityState) => boolean): Promise<SecurityState>;
}

interface Securing {
  readonly executor?: Executor;
  readonly lifeMs?: Millis;
}

/** Leaves all work to whoever joins. */
const onlooker: Executor = {
  name: 'onlooker',
  refuse: () => 'others work here',
  execute: () => Promise.reject(new Error('others work here')),
};

/** `lifeMs`: of its certificates. */
export async function secured({ executor = onlooker, lifeMs }: Securing = {}): Promise<SecuredSwarm> {
  const standing = await stand({
    instances: 3,
    executor,
    secure: (folder) => foundAuthority(folder, new Date(), lifeMs),
  });
  const office = { by: 'the test', swarm: standing.client, folder: standing.folder };
  const state = (): Promise<SecurityState> => securityState(office);
  const swarm = {
    ...standing,
    office,
    state,
    async untilState(isSo: (now: SecurityState) => boolean) {
      let now = await state();
      await until(async () => {
        now = await state();
        return isSo(now);
      });
      return now;
    },
  };
  // Whoever founds the authority says so in the log, and every instance what it shows and believes.
  await swarm.untilState(
    ({ authorities, certificates }) =>
      authorities.some(({ signs }) => signs) && certificates.every(({ fingerprint }) => fingerprint !== null),
  );
  return swarm;
}

/** A member with a folder of its own, as on another machine: it has no key of an authority. */
export interface Guest {
  readonly folder: SwarmFolder;
  /** `alone`: without the token that it was given. */
  come(way?: 'token' | 'alone'): Promise<JoinedInstance>;
}

export const GUEST = nodeId('guest');

export async function invite({ instances, office }: SecuredSwarm): Promise<Guest> {
  const dir = mkdtempSync(join(tmpdir(), 'raft-manager-guest-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const { token } = await createJoinToken(office, HOUR_MS);
  const nodes = [...instances.values()].map(({ url }) => url);
  return {
    folder: joinedFolder(locateProject(dir, {}, dir), GUEST),
    async come(way = 'token') {
      const by = way === 'token' ? { token } : {};
      const how = { executor: () => 'done', onTrouble: () => undefined };
      const guest = await joinSwarm({ dir, nodes, ...by, name: GUEST, ...how });
      onTestFinished(() => guest.stop());
      return guest;
    },
  };
}
