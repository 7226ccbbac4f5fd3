import type { ClusterId, Millis, NodeId } from '../protocol/ids.ts';
import type { Configuration } from '../protocol/state.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { LogStorage } from '../storage/port.ts';
import type { Transport } from '../transport/port.ts';
import type { Clock, NodeListener, StateMachine } from './port.ts';

export interface NodeOptions<Result> {
  readonly id: NodeId;
  readonly clusterId: ClusterId;
  /** In force while neither snapshot nor log holds a configuration. */
  readonly bootstrap: Configuration;
  readonly config: RaftConfig;
  /** Seeds election timeouts and request numbers: fresh in every life of a node, and unlike its peers'. */
  readonly seed: number;
  /** How long a proposal or a read may wait. */
  readonly requestTimeoutMs?: Millis;
  /** What may be applied between two snapshots. Defaults: see `limits`. */
  readonly snapshotEveryBytes?: number;
  readonly snapshotEveryEntries?: number;
  readonly storage: LogStorage;
  readonly transport: Transport;
  readonly clock: Clock;
  /** As the recovered snapshot says, if there is one. */
  readonly machine: StateMachine<Result>;
  readonly listener: NodeListener<Result>;
}
