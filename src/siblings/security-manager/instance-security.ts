import type { SwarmError } from '../../protocol/errors.ts';
import type { CompanionFactory } from '../../swarm/companion.ts';
import { checkExposure } from '../../swarm/founding-security.ts';
import { credentialsWith } from '../../swarm/link-credentials.ts';
import { loadRoster, loadToken, type Roster } from '../../swarm/roster.ts';
import {
  checkSecurityFolder,
  isSecured,
  type KeyPair,
  readBundle,
  readRevoked,
} from '../../swarm/security-folder.ts';
import type { TaskMachine } from '../../tasks/machine.ts';
import type { LinkCredentials } from '../../transport/client-credentials.ts';
import type { LinkSecurity } from '../../transport/port.ts';
import { askOthers } from './ask-others.ts';
import { securityCompanion } from './companion.ts';
import { judge } from './gate.ts';
import { believe, type Guarded, recordsOf, type SecuredServer } from './guarded.ts';
import { cannotProve, certificateAtStart, type Holder } from './own-certificate.ts';
import { checkNotRevoked, noteRevocation } from './own-revocation.ts';

/** What an instance shows, whom it believes, and who keeps that up to date. */
export interface InstanceSecurity {
  readonly links: LinkSecurity;
  readonly credentials: () => LinkCredentials | undefined;
  /** What goes into the hellos of this instance instead of a secret, once there are certificates. */
  readonly token: string;
  readonly companion: CompanionFactory;
  attach(server: SecuredServer): void;
  /** A member has said that this instance was revoked. */
  heardOfRevocation(): void;
}

export interface InstanceSecurityOptions extends Holder {
  readonly machine: TaskMachine;
  /** Of this package. */
  readonly version: string;
  /** As whom it was known before it lost its data. */
  readonly former: string | undefined;
  /** It was revoked, and is to end. Told once. */
  readonly onRevoked: (error: SwarmError) => void;
}

const NO_SECRET = 'by-certificate';

/**
 * @throws SwarmError REVOKED; UNAUTHORIZED when the instance has nothing to show, or others may read its keys; BAD_INPUT when it would
 *   listen to others without TLS.
 */
export async function openInstanceSecurity(options: InstanceSecurityOptions): Promise<InstanceSecurity> {
  const { folder, machine } = options;
  const localToken = loadToken(folder);
  const roster = loadRoster(folder);
  const { clusterId } = roster;
  const secured = isSecured(folder);
  if (roster.host !== undefined) checkExposure(roster.host, secured, exposureRemedy(roster));
  checkSecurityFolder(folder);
  if (secured) checkNotRevoked(options);
  const pair = secured ? await certificateFor(options) : undefined;
  if (secured && pair === undefined) throw cannotProve(options);
  const guarded: Guarded = {
    ...options,
    isSecured: secured,
    pair,
    ...{ trust: undefined, bundle: '' },
    records: recordsOf(machine),
    server: undefined,
    onRevoked: noteRevocation(options, options.onRevoked),
  };
  if (secured) believe(guarded, readBundle(folder), readRevoked(folder));
  return {
    links: {
      get tls() {
        return tlsOf(guarded);
      },
      judge: (claim) =>
        judge(claim, { clusterId, localToken, trust: guarded.trust, records: guarded.records }, Date.now()),
    },
    credentials: () =>
      guarded.trust === undefined ? undefined : credentialsWith(guarded.bundle, guarded.trust, guarded.pair),
    token: secured ? NO_SECRET : localToken,
    companion: securityCompanion(guarded),
    attach: (server) => {
      guarded.server = server;
    },
    heardOfRevocation: () => guarded.onRevoked(),
  };
}

/** Whoever founded a swarm makes its authority; whoever joined one is let in by that. */
function exposureRemedy({ seeds }: Roster): string {
  return seeds === undefined
    ? '"raft-manager down", "raft-manager security init", "raft-manager up"'
    : '"raft-manager security token" where the swarm was made, and here "raft-manager agent FILE --join wss://… --token TOKEN"';
}

async function certificateFor(options: InstanceSecurityOptions): Promise<KeyPair | undefined> {
  return (
    (await certificateAtStart(options, new Date())) ?? askOthers(options, options.former, options.version)
  );
}

/** The authority goes along: whoever has nothing but its fingerprint yet finds it there. */
function tlsOf({ bundle, pair }: Guarded): LinkSecurity['tls'] {
  if (pair === undefined) return undefined;
  return { certificate: `${pair.certificate}\n${bundle}`, key: pair.key, ca: bundle };
}
