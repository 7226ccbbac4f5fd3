/**
 * The public surface: read agent files, join the conversation of a running swarm. Everything else is
 * reached through the command line.
 */

export type { AgentDefinition } from './agents/definition.ts';
export type { Diagnostic } from './agents/diagnostic.ts';
export type { LintResult } from './agents/lint.ts';
export { lintAgentFile, loadAgentFile } from './agents/load.ts';
export { type ErrorCode, SwarmError } from './protocol/errors.ts';
export { type ConnectOptions, connectSwarm } from './swarm/connect.ts';
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
export type { TaskJson, TaskState } from './tasks/task.ts';
