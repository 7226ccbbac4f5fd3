import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Executor } from '../../../src/agents/executors/port.ts';
import { type JoinedInstance, joinSwarm } from '../../../src/api/join-swarm.ts';
import { foundAuthority } from '../../../src/siblings/security-manager/authority-folder.ts';
import {
  createJoinToken,
  type Office,
  type SecurityState,
  securityState,
} from '../../../src/siblings/security-manager/manager.ts';
import { type Standing, stand, until } from '../../swarm/instances.ts';
import { HOUR_MS } from './pki.ts';

/** Three instances beside the key of their authority, over real links under TLS. */
export interface SecuredSwarm extends Standing {
  readonly office: Office;
  state(): Promise<SecurityState>;
  untilState(isSo: (state: SecurityState) => boolean): Promise<SecurityState>;
}

/** Leaves all work to whoever joins. */
const onlooker: Executor = {
  name: 'onlooker',
  refuse: () => 'others work here',
  execute: () => Promise.reject(new Error('others work here')),
};

export async function secured(executor: Executor = onlooker): Promise<SecuredSwarm> {
  const standing = await stand({
    instances: 3,
    executor,
    secure: (folder) => foundAuthority(folder, new Date()),
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
  /** Of its state folder. */
  readonly dir: string;
  come(): Promise<JoinedInstance>;
}

export async function invite({ instances, office }: SecuredSwarm): Promise<Guest> {
  const dir = mkdtempSync(join(tmpdir(), 'raft-manager-guest-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const { token } = await createJoinToken(office, HOUR_MS);
  const nodes = [...instances.values()].map(({ url }) => url);
  return {
    dir,
    async come() {
      const guest = await joinSwarm({ dir, nodes, token, name: 'guest', executor: () => 'done' });
      onTestFinished(() => guest.stop());
      return guest;
    },
  };
}
