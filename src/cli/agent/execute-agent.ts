import { resolve } from 'node:path';
import { checkExecutor, createExecutor } from '../../agents/executors/registry.ts';
import { loadAgentFile } from '../../agents/load.ts';
import { type RunningInstance, startInstance } from '../../compose.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { DOMAIN_VARIABLE } from '../../siblings/quorum-manager/domain.ts';
import { enterFolder } from '../../siblings/security-manager/join.ts';
import { INSTANCE_EXIT, instanceExitCode } from '../../swarm/exit-code.ts';
import { locateProject, type SwarmFolder } from '../../swarm/layout.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine } from '../reach.ts';
import { EXIT, reportError } from '../report-error.ts';
import { Interrupts } from '../run/interrupts.ts';
import type { AgentOptions } from './agent-options.ts';
import { planJoin } from './plan-join.ts';

/** What is the matter with the instance itself, and not with how the command was given or with the swarm. */
const OF_THE_INSTANCE: ReadonlySet<number> = new Set([
  INSTANCE_EXIT.damaged,
  INSTANCE_EXIT.bug,
  INSTANCE_EXIT.diskFull,
  INSTANCE_EXIT.diskFailed,
  INSTANCE_EXIT.quarantined,
  INSTANCE_EXIT.revoked,
]);

/** Runs one instance in this process until it is told to stop, or the swarm removes it. */
export async function executeAgent(file: string, options: AgentOptions): Promise<void> {
  if (options.domain !== undefined) process.env[DOMAIN_VARIABLE] = options.domain;
  const definition = await loadAgentFile(resolve(file));
  const project = locateProject(options.dir, process.env, process.cwd());
  const plan = planJoin(definition, options);
  if (options.executor !== undefined) {
    await checkExecutor(await createExecutor(options.executor), process.env);
  }
  const folder = await enterFolder({ ...plan, definition, project }).catch(endIfRevoked);
  if (folder === undefined) return;
  const interrupts = new Interrupts();
  interrupts.onSecond(() => process.exit(EXIT.failed));
  try {
    await work(folder, plan.name, options, interrupts);
  } catch (error) {
    // Whoever supervises it does the same about a disk as the supervisor of a swarm's own instances.
    const exitCode = instanceExitCode(error);
    if (!OF_THE_INSTANCE.has(exitCode)) throw error;
    reportError(error);
    process.exitCode = exitCode;
  } finally {
    interrupts.close();
  }
}

/** What keeps it from coming up is what it ended with. Anything else that is said here is about the command. */
function endIfRevoked(error: unknown): undefined {
  if (instanceExitCode(error) !== INSTANCE_EXIT.revoked) throw error;
  reportError(error);
  process.exitCode = INSTANCE_EXIT.revoked;
}

async function work(
  folder: SwarmFolder,
  name: NodeId,
  options: AgentOptions,
  interrupts: Interrupts,
): Promise<void> {
  const tell = (event: Readonly<Record<string, unknown>>, line: string): void => {
    if (options.json) printJson(event);
    else printLine(line);
  };
  let seen = '';
  let end: (how: 'stopped' | 'removed' | Error) => void = () => undefined;
  const ended = new Promise<'stopped' | 'removed' | Error>((settle) => {
    end = settle;
  });
  void interrupts.first.then(() => end('stopped'));
  const running: RunningInstance = await startInstance({
    folder,
    id: name,
    version: packageVersion(),
    onTrouble: (error) => process.stderr.write(`raft-manager: ${messageOf(error)}\n`),
    onRoleChanged: ({ role, term, leaderId }) => {
      const line = `${role} in term ${term}, coordinator ${leaderId ?? 'unknown'}`;
      if (line !== seen) tell({ event: 'role', role, term, coordinator: leaderId ?? null }, line);
      seen = line;
    },
    onRemoved: () => end('removed'),
    onStopped: end,
  });
  const { id } = running.instance.status();
  tell({ event: 'ready', id, url: running.url, pid: process.pid }, `${id} is up at ${running.url}`);
  const how = await ended;
  if (how instanceof Error) throw how;
  if (how === 'removed') tell({ event: 'removed', id }, `${id} was removed from the swarm`);
  else tell({ event: 'stopping', id }, `${id} hands back its work and stops`);
  if (how === 'stopped') await running.instance.drain();
  await running.stop('hand-over');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
