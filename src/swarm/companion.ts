import type { NodeStatus } from '../node/port.ts';
import type { NodeId } from '../protocol/ids.ts';
import type { Ballot, Misconduct } from '../protocol/misconduct.ts';
import type { Configuration } from '../protocol/state.ts';
import type { MembershipChange } from '../raft/membership.ts';
import type { ResultValues, TaskCommand } from '../tasks/command.ts';
import type { TaskEvent } from '../tasks/event.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import type { ClientConnection } from '../transport/client-connection.ts';
import type { SwarmFolder } from './layout.ts';
import type { ExecuteOptions } from './port.ts';

/** What an instance lets a companion see and do. */
export interface CompanionHost {
  /** As a member of the cluster. */
  readonly id: NodeId;
  /** As its folder and people call it. */
  readonly name: NodeId;
  readonly folder: SwarmFolder;
  /** Of this package. */
  readonly version: string;
  /** Only to be read, and not to be kept across an `await`. */
  readonly machine: TaskMachine;
  status(): NodeStatus;
  /** Exactly once, whoever leads. @throws SwarmError as `Swarm.execute` does */
  execute<C extends TaskCommand>(command: C, options?: ExecuteOptions): Promise<ResultValues[C['kind']]>;
  /** Resolves when everything that was committed before the call is applied here. @throws SwarmError NO_QUORUM */
  readBarrier(): Promise<void>;
  /** Only while this node leads. @throws SwarmError as `RaftNode.changeMembership` says */
  changeMembership(changes: readonly MembershipChange[]): Promise<Configuration>;
  /** Only while this node leads. @throws SwarmError as `RaftNode.transfer` says */
  transfer(target: NodeId | undefined): Promise<NodeId>;
  /** What this node's weight adds to its election rank, or takes from it. */
  shiftRank(shift: number): void;
  /** Where a member listens, as far as it is known here; of this instance, too. */
  urlOf(member: NodeId): string | undefined;
  /** Tells a member to stop, and to stay down until a person has decided. @throws SwarmError when it cannot be told */
  quarantine(member: NodeId, why: string): Promise<void>;
  /** For the log of the operator. */
  onTrouble(error: unknown): void;
}

/** Answers one request of a client link. What it throws as `SwarmError` is told to whoever asked. */
export type RequestHandler = (body: Uint8Array, connection: ClientConnection) => Promise<Uint8Array>;

/** A sibling at work inside an instance: told what the node tells, in the order of the log. */
export interface Companion {
  /** By kind of request (`REQUEST`): those that this companion answers. */
  readonly requests?: ReadonlyMap<number, RequestHandler>;
  /** The node is up: the host can be asked from now on. */
  start?(): void;
  /** This node leads now. */
  begin?(): void;
  /** It does not any more, or stops. May come without `begin`. */
  end?(): void;
  onApplied?(index: number, events: readonly TaskEvent[]): void;
  /** Who belongs to the swarm has changed in this node's log. */
  onConfiguration?(): void;
  /** Somebody does what nobody does who keeps to the protocol. May come before `start`. */
  onMisconduct?(misconduct: Misconduct): void;
  /** Whom a member has voted for, as this node has seen it. */
  onBallot?(ballot: Ballot): void;
  /** A snapshot took the place of the state: everything may have changed. */
  onRestored?(): void;
  /** The instance stops; what has to be on the disk is when this resolves. */
  stop?(): Promise<void>;
}

export type CompanionFactory = (host: CompanionHost) => Companion;
