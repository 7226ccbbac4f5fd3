import type { AgentDefinition } from '../agents/definition.ts';
import { electionTraits } from '../agents/election-traits.ts';
import { SwarmError } from '../protocol/errors.ts';
import { MAX_LEASE_MS, MAX_LOCAL_INSTANCES, MIN_LEASE_MS } from '../protocol/limits.ts';
import type { Standing } from '../protocol/state.ts';
import { LATEST_LEVEL } from '../tasks/member.ts';
import { advertisedAt } from './advertised.ts';
import { newClusterId, type Roster, type RosterNode, voterCount } from './roster.ts';

export interface FoundingPlan {
  readonly name: string;
  readonly definitions: readonly AgentDefinition[];
  readonly instances: number;
  /** What they listen on; default: loopback. */
  readonly host?: string;
  /** What others are told instead, with the first of as many consecutive ports if those are others. */
  readonly advertised?: string;
  /** First of as many consecutive ports; 0: any free ones. */
  readonly port: number;
  readonly workspace: string;
  readonly requireHooks: boolean;
  readonly leaseMs: number;
  /** Between two comparisons of the instances; 0: never. */
  readonly verifyEveryMs?: number;
  /** Who does the work, and what it may use up; default: tasks run in a shell. */
  readonly work?: Pick<Roster, 'executor' | 'model' | 'maxTurns' | 'maxTokens' | 'maxCostMicros'>;
}

/**
 * Decides who a new swarm consists of: the definitions in turn until there are enough instances; the
 * first ones vote.
 *
 * @throws SwarmError BAD_INPUT when the number of instances is out of range.
 */
export function planSwarm(plan: FoundingPlan): Roster {
  const { advertised: text, definitions, instances, port } = plan;
  if (!Number.isInteger(instances) || instances < 1 || instances > MAX_LOCAL_INSTANCES) {
    throw new SwarmError('BAD_INPUT', `--agents takes a whole number from 1 to ${MAX_LOCAL_INSTANCES}`);
  }
  if (plan.leaseMs < MIN_LEASE_MS || plan.leaseMs > MAX_LEASE_MS) {
    const [least, most] = [`${MIN_LEASE_MS} ms`, `${MAX_LEASE_MS / 3_600_000} h`];
    throw new SwarmError('BAD_INPUT', `--lease takes a time from ${least} to ${most}`);
  }
  if (port !== 0 && port + instances - 1 > 65_535) {
    throw new SwarmError('BAD_INPUT', `--port ${port} leaves no room for ${instances} consecutive ports`);
  }
  const voters = voterCount(instances);
  const names = instanceNames(definitions, instances);
  const nodes = names.map(({ id, definition }, at): RosterNode => {
    const voter = at < voters;
    const nodePort = port === 0 ? 0 : port + at;
    const { name, source } = definition;
    const advertised = text === undefined ? {} : { advertised: advertisedAt(at, { text, instances }) };
    const place = { port: nodePort, ...advertised };
    return { id, agent: name, agentFile: source.path, voter, ...place, ...electionTraits(definition) };
  });
  return {
    format: 1,
    name: plan.name,
    clusterId: newClusterId(),
    createdAt: new Date().toISOString(),
    level: LATEST_LEVEL,
    workspace: plan.workspace,
    ...(plan.work ?? { executor: 'command' }),
    requireHooks: plan.requireHooks,
    leaseMs: plan.leaseMs,
    ...(plan.verifyEveryMs === undefined ? {} : { verifyEveryMs: plan.verifyEveryMs }),
    nodes: withSomebodyToElect(nodes),
    ...(plan.host === undefined ? {} : { host: plan.host }),
  };
}

function instanceNames(
  definitions: readonly AgentDefinition[],
  instances: number,
): { readonly id: string; readonly definition: AgentDefinition }[] {
  const counts = new Map<string, number>();
  return Array.from({ length: instances }, (_, at) => {
    const definition = definitions[at % definitions.length];
    if (definition === undefined) throw new SwarmError('BAD_INPUT', 'a swarm needs at least one agent file');
    const stem = idStem(definition.name);
    const number = (counts.get(stem) ?? 0) + 1;
    counts.set(stem, number);
    return { id: `${stem}-${number}`, definition };
  });
}

/** An agent's name as the beginning of an instance's id: `Benchmark Suite` becomes `benchmark-suite`. */
export function idStem(name: string): string {
  const stem = name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
    .toLowerCase()
    .slice(0, 56);
  return stem === '' ? 'agent' : stem;
}

/** "Last resort" is relative: where nobody is capable there is nobody to wait for. */
function withSomebodyToElect(nodes: readonly RosterNode[]): RosterNode[] {
  const stands = (standing: Standing): boolean =>
    nodes.some((node) => node.voter && node.standing === standing);
  if (stands('eligible')) return [...nodes];
  if (!stands('last-resort')) {
    const message =
      'no voter may stand for election: every agent file says strictEligibility and lacks leader_election';
    throw new SwarmError('BAD_INPUT', `${message}. Give one of them the capability leader_election`);
  }
  return nodes.map((node) => (node.standing === 'last-resort' ? { ...node, standing: 'eligible' } : node));
}
