import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import type { NodeId } from '../../protocol/ids.ts';
import { type Configuration, isJoint } from '../../protocol/state.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import type { MembershipChange } from '../../swarm/member-change.ts';
import { noteAdjustment } from './notebook.ts';
import { isSound, type Observation } from './observation.ts';
import { changesBack, refusalOf, TRIAL_MS } from './pilot.ts';
import type { Plan, PlanStep } from './plan.ts';
import type { Applied } from './requests.ts';

interface Means {
  readonly host: CompanionHost;
  /** As of the last look of the leader, which goes on meanwhile. */
  observations(): readonly Observation[];
}

interface Limited extends Means {
  /** Losses that the plan says can be borne after it. */
  readonly survive: number;
}

const LOOK_AGAIN_MS = 50;

/**
 * Carries out a plan step by step on the node that leads. Each step must be safe as things are by then; after it the new
 * configuration must be committed, a majority of it must answer, and the new voters must keep up. Where one does not, the
 * configuration before that step is put back, and nothing more is done.
 *
 * @throws SwarmError STALE_VERSION when the plan was made for other members; UNSAFE_CHANGE saying what was left and what was
 *   done; as `RaftNode.changeMembership` says when leadership is lost meanwhile.
 */
export async function carryOut(plan: Plan, means: Means): Promise<Applied> {
  const { host } = means;
  const { configuration } = host.status();
  if (plan.steps.length === 0 || isSame(configuration.voters, plan.recommendedVoters))
    return outcome(0, configuration);
  checkUpToDate(plan, configuration);
  const survive = Math.max(0, plan.expectedImpact.survives.after);
  for (const [at, step] of plan.steps.entries())
    await takeStep(step, `step ${at + 1} of ${plan.steps.length}`, { ...means, survive });
  return outcome(plan.steps.length, host.status().configuration);
}

function checkUpToDate({ madeFor }: Plan, present: Configuration): void {
  const { learners, voters } = present;
  if (isJoint(present)) throw new SwarmError('CHANGE_IN_FLIGHT', 'another change of members is not over yet');
  if (isSame(madeFor.voters, voters) && isSame(madeFor.learners, learners)) return;
  throw new SwarmError(
    'STALE_VERSION',
    `the plan was made for voters ${madeFor.voters.join(', ')} and learners ${madeFor.learners.join(', ') || 'none'}; now ${voters.join(', ')} vote and ${learners.join(', ') || 'nobody'} learns. Plan again`,
  );
}

async function takeStep({ changes, why }: PlanStep, name: string, means: Limited): Promise<void> {
  const { host, observations, survive } = means;
  const before = host.status().configuration;
  const voters = votersAfter(before.voters, changes);
  const newcomers = voters.filter((id) => !before.voters.includes(id));
  const refusal = whyUnfit(newcomers, observations()) ?? refusalOf(voters, observations(), { survive });
  if (refusal !== undefined)
    throw new SwarmError('UNSAFE_CHANGE', `${name} (${why}) was not taken: ${refusal}`);
  await host.changeMembership(changes);
  const trouble = await verify(newcomers, means);
  const note = { at: Date.now(), leader: host.id, why, voters };
  if (trouble === undefined) {
    await noteAdjustment(host, { ...note, by: 'apply', outcome: 'done' }, host.machine.records);
    return;
  }
  const back = await putBack(before, voters, host);
  throw new SwarmError('UNSAFE_CHANGE', `${name} (${why}) went wrong: ${trouble}; ${back}`);
}

/** What is wrong with the new configuration; undefined when it has proved itself. */
async function verify(
  newcomers: readonly NodeId[],
  { host, observations }: Means,
): Promise<string | undefined> {
  for (const deadline = performance.now() + TRIAL_MS; ; await delay(LOOK_AGAIN_MS)) {
    const unfit = whyUnfit(newcomers, observations());
    if (unfit === undefined) break;
    if (performance.now() > deadline) return unfit;
  }
  try {
    await host.readBarrier();
    return undefined;
  } catch (error) {
    if (error instanceof SwarmError) return `no majority answers: ${error.message}`;
    throw error;
  }
}

async function putBack(
  before: Configuration,
  present: readonly NodeId[],
  host: CompanionHost,
): Promise<string> {
  try {
    const { voters } = await host.changeMembership(changesBack(present, before));
    const why = 'a step did not prove itself';
    const note = { at: Date.now(), by: 'rollback', leader: host.id, why, voters } as const;
    await noteAdjustment(host, { ...note, outcome: 'done' }, host.machine.records);
    return `${voters.join(', ')} vote again`;
  } catch (error) {
    if (error instanceof SwarmError) return `and it could not be taken back: ${error.message}`;
    throw error;
  }
}

function whyUnfit(newcomers: readonly NodeId[], observations: readonly Observation[]): string | undefined {
  const unfit = newcomers.filter((id) => !observations.some((one) => one.id === id && isSound(one)));
  return unfit.length === 0 ? undefined : `${unfit.join(', ')} cannot be reached, or does not keep up`;
}

/** What a step makes of the voters, whatever the plan says of it: files can be edited. */
function votersAfter(voters: readonly NodeId[], changes: readonly MembershipChange[]): readonly NodeId[] {
  const after = new Set(voters);
  for (const { id, type } of changes) {
    if (type === 'add-voter') after.add(id);
    else after.delete(id);
  }
  return [...after];
}

function outcome(steps: number, { learners, voters }: Configuration): Applied {
  return { steps, voters, learners };
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((id) => right.includes(id));
}
