import { Option } from 'commander';
import type { AgentDefinition } from '../agents/definition.ts';
import { MAX_LOCAL_INSTANCES } from '../protocol/limits.ts';
import type { ProjectFolder } from '../swarm/layout.ts';
import type { Roster } from '../swarm/roster.ts';
import {
  type BudgetOptions,
  budgetOf,
  budgetOptions,
  type ExecutorOptions,
  executorOptions,
} from './executor-options.ts';
import { collect, parseInteger, parseTime, parseTimeOrOff } from './options.ts';

/** Options of the two commands that make a swarm: `run` and `up`. */
export interface FoundingOptions extends ExecutorOptions, BudgetOptions {
  readonly agents?: number;
  readonly agentFile?: readonly string[];
  readonly host?: string;
  readonly advertise?: string;
  readonly port: number;
  readonly lease: number;
  /** In ms; 0: never. */
  readonly verifyEvery?: number;
  readonly requireHooks?: true;
}

const DEFAULT_INSTANCES = 3;

/** For whoever founds a swarm without anybody who could be asked. */
export const FOUNDING_DEFAULTS = { port: 0, lease: 300_000 } as const satisfies FoundingOptions;

export function foundingOptions(): Option[] {
  return [
    new Option(
      '--agents <n>',
      `instances: 3 survive the loss of one, 5 of two (default: ${DEFAULT_INSTANCES})`,
    ).argParser(parseInteger(1, MAX_LOCAL_INSTANCES)),
    new Option(
      '--agent-file <file>',
      "agent markdown; may be given several times (default: the package's raft-manager)",
    ).argParser(collect),
    ...executorOptions(),
    ...budgetOptions(),
    new Option(
      '--host <address>',
      'address of this machine at which members elsewhere reach the instances (default: only this machine does)',
    ),
    new Option(
      '--advertise <host[:port]>',
      'what members elsewhere are told instead, behind NAT or in a container; the first of consecutive ports',
    ),
    new Option('--port <port>', 'first of consecutive ports; 0 for any free ones')
      .argParser(parseInteger(0, 65_535))
      .default(FOUNDING_DEFAULTS.port),
    new Option('--lease <time>', 'how long a silent worker keeps its task')
      .argParser(parseTime)
      .default(FOUNDING_DEFAULTS.lease, '5m'),
    new Option(
      '--verify-every <time>',
      'how often the instances are compared with each other; off: never (default: 1m)',
    ).argParser(parseTimeOrOff),
    new Option('--require-hooks', 'refuse to work without the hooks of the agent files'),
  ];
}

interface Founding {
  readonly project: ProjectFolder;
  readonly name: string;
  /** The instances will speak TLS. */
  readonly secured: boolean;
}

/** Reads the agent files and plans who the swarm consists of. Says aloud whose hooks will not run. */
export async function planFromOptions(
  options: FoundingOptions,
  { project, name, secured }: Founding,
): Promise<Roster> {
  const { planSwarm } = await import('../swarm/founding.ts');
  const { checkExecutor, createExecutor } = await import('../agents/executors/registry.ts');
  const { checkExposure } = await import('../swarm/founding-security.ts');
  const { executor = 'command', host, model, maxTurns } = options;
  if (host !== undefined) {
    checkExposure(host, secured, `"raft-manager security init", and then "raft-manager up --host ${host}"`);
  }
  const { maxTokens, maxCostMicros } = budgetOf(options);
  await checkExecutor(await createExecutor(executor), process.env);
  const definitions = await loadDefinitions(options.agentFile ?? []);
  const roster = planSwarm({
    name,
    definitions,
    instances: options.agents ?? Math.max(DEFAULT_INSTANCES, definitions.length),
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.advertise === undefined ? {} : { advertised: options.advertise }),
    port: options.port,
    workspace: project.project,
    requireHooks: options.requireHooks === true,
    leaseMs: options.lease,
    ...(options.verifyEvery === undefined ? {} : { verifyEveryMs: options.verifyEvery }),
    work: {
      executor,
      ...(model === undefined ? {} : { model }),
      ...(maxTurns === undefined ? {} : { maxTurns }),
      ...(maxTokens == null ? {} : { maxTokens }),
      ...(maxCostMicros == null ? {} : { maxCostMicros }),
    },
  });
  await announceHooks(definitions, options);
  return roster;
}

async function loadDefinitions(files: readonly string[]): Promise<readonly AgentDefinition[]> {
  const { resolve } = await import('node:path');
  const { loadAgentFile } = await import('../agents/load.ts');
  const { PACKAGE_AGENTS } = await import('../agents/registry.ts');
  const paths = files.length > 0 ? files : [resolve(PACKAGE_AGENTS, 'raft-manager.md')];
  return Promise.all(paths.map((path) => loadAgentFile(resolve(path))));
}

async function announceHooks(
  definitions: readonly AgentDefinition[],
  options: FoundingOptions,
): Promise<void> {
  const { decideHooks } = await import('../swarm/hook-policy.ts');
  const { SwarmError } = await import('../protocol/errors.ts');
  for (const definition of definitions) {
    if (definition.hooks.pre.length + definition.hooks.post.length === 0) continue;
    const policy = await decideHooks(definition, options.requireHooks === true);
    if (policy.kind === 'allowed') continue;
    if (policy.required) throw new SwarmError('HOOK_DENIED', policy.reason);
    process.stderr.write(`raft-manager: tasks run without hooks: ${policy.reason}\n`);
  }
}
