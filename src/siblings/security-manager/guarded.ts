import { certificatesIn, type Trust } from '../../swarm/link-credentials.ts';
import type { KeyPair } from '../../swarm/security-folder.ts';
import type { TaskMachine } from '../../tasks/machine.ts';
import type { LinkReport } from '../../transport/port.ts';
import type { Holder } from './own-certificate.ts';
import { NAMESPACE, readRecords, type SecurityRecords } from './records.ts';

/** As much of the transport's server as follows what is trusted. */
export interface SecuredServer {
  recheck(): void;
  /** Of all peers, or of these. */
  renewLinks(peers?: readonly string[]): Promise<void>;
  links(): readonly LinkReport[];
}

/** The state that the parts of one instance's security share. */
export interface Guarded extends Holder {
  readonly machine: TaskMachine;
  readonly isSecured: boolean;
  /** What is shown now; undefined without TLS. */
  pair: KeyPair | undefined;
  trust: Trust | undefined;
  /** The authorities that this instance trusts now, as PEM. Others of the folder may have come further than it has. */
  bundle: string;
  records: SecurityRecords;
  server: SecuredServer | undefined;
  /** Nobody lets this instance in any more. */
  onRevoked(): void;
}

/** What is believed from now on. */
export function believe(guarded: Guarded, bundle: string, revoked: ReadonlySet<string>): void {
  guarded.bundle = bundle;
  guarded.trust = { authorities: certificatesIn(bundle), revoked };
}

export function recordsOf(machine: TaskMachine): SecurityRecords {
  return readRecords([...machine.records.values()].filter(({ namespace }) => namespace === NAMESPACE));
}
