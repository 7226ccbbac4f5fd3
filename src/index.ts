/**
 * The public surface: read agent files, start a swarm in a program, join one that runs, talk to it.
 * Everything else is reached through the command line.
 */

export type { AgentDefinition } from './agents/definition.ts';
export type { Diagnostic } from './agents/diagnostic.ts';
export type { LintResult } from './agents/lint.ts';
export { lintAgentFile, loadAgentFile, loadAgentFile as loadAgent } from './agents/load.ts';
export type {
  Claim,
  ClientOptions,
  Ending,
  Failure,
  NewTask,
  Reservation,
  ReserveOptions,
  SwarmStatus,
  WorkOutcome,
} from './api/client-port.ts';
export { type CreateSwarmOptions, createSwarm, type InProcessSwarm } from './api/create-swarm.ts';
export type { ExecutorChoice, WorkOptions } from './api/executor.ts';
export type { SwarmInstance } from './api/instance.ts';
export { type JoinedInstance, type JoinSwarmOptions, joinSwarm } from './api/join-swarm.ts';
export type { SwarmEvent } from './api/notices.ts';
export { SwarmClient } from './api/swarm-client.ts';
export type { Assignment, Work, WorkResult } from './api/work.ts';
export type { HookReport } from './hooks/runner.ts';
export { type ErrorCode, SwarmError } from './protocol/errors.ts';
export type {
  BlackboardJson,
  ChangedJson,
  CheckpointedJson,
  ListedJson,
  ReadingJson,
} from './siblings/crdt-synchronizer/client-wire.ts';
export {
  type CrdtClient,
  type CrdtOptions,
  crdt,
  type ReadOptions,
  type WriteOptions,
} from './siblings/crdt-synchronizer/crdt-client.ts';
export type { DataType, Json } from './siblings/crdt-synchronizer/data-type.ts';
export type { Operation } from './siblings/crdt-synchronizer/operation.ts';
export { type QuorumManager, quorumManager } from './siblings/quorum-manager/client.ts';
export type { Plan } from './siblings/quorum-manager/plan.ts';
export type { Policy, Strategy } from './siblings/quorum-manager/policy.ts';
export type { QuorumStatus } from './siblings/quorum-manager/requests.ts';
export {
  type SecurityManager,
  type SecurityManagerOptions,
  securityManager,
} from './siblings/security-manager/client.ts';
export { type ConnectOptions, connectSwarm } from './swarm/connect.ts';
export { type HookOccasion, runHooks } from './swarm/hook-trial.ts';
export type {
  Answers,
  ExecuteOptions,
  LogLine,
  Notice,
  Overview,
  Query,
  ReservationJson,
  Swarm,
} from './swarm/port.ts';
export type { ResultValues, TaskCommand, TaskSpec } from './tasks/command.ts';
export type { TaskEvent } from './tasks/event.ts';
export type { TaskDetail, TaskJson, TaskState } from './tasks/task.ts';
export type { Usage } from './tasks/usage.ts';
