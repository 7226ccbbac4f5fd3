import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import type { Millis, NodeId } from '../../protocol/ids.ts';
import { MAX_VOTERS } from '../../protocol/limits.ts';
import { type Configuration, isJoint } from '../../protocol/state.ts';
import type { CompanionHost } from '../../swarm/companion.ts';
import type { MembershipChange } from '../../swarm/member-change.ts';
import { type Adjustment, noteAdjustment } from './notebook.ts';
import { isSame, isSound, type Observation } from './observation.ts';
import type { Plan, PlanStep } from './plan.ts';
import type { Applied } from './requests.ts';
import { refusalOf, wayBack } from './safety.ts';

interface Means {
  readonly host: Pick<
    CompanionHost,
    'id' | 'status' | 'execute' | 'readBarrier' | 'changeMembership' | 'machine'
  >;
  /** Looks around now. Of use only while this node leads. */
  look(): readonly Observation[];
  /** For a new voter to be seen as sound. */
  readonly trialMs: Millis;
}

interface Step extends PlanStep, Means {
  readonly name: string;
  /** Losses that the plan says can be borne after it. */
  readonly survive: number;
}

const LOOK_AGAIN_MS = 50;

/**
 * Carries out a plan step by step on the node that leads. Each step must find the voters that the one before has left, and be
 * safe as things are by then; after it the new configuration must be committed, a majority of it must answer, and the new
 * voters must keep up. Where one does not, nothing more is done, and the voters before that step are put back unless
 * that would make it worse.
 *
 * @throws SwarmError STALE_VERSION when others vote, or another node leads, than the plan was made for; UNSAFE_CHANGE saying
 *   what was left and what was done; OUTCOME_UNKNOWN when leadership was lost after the first step had begun; before that,
 *   as `RaftNode.changeMembership` says.
 */
export async function carryOut(plan: Plan, means: Means): Promise<Applied> {
  const { host } = means;
  const { configuration } = host.status();
  if (plan.steps.length === 0 || isSame(configuration.voters, plan.recommendedVoters))
    return outcome(0, configuration);
  const survive = Math.max(0, plan.expectedImpact.survives.after);
  let expected = plan.madeFor.voters;
  for (const [at, given] of plan.steps.entries()) {
    const step: Step = {
      ...means,
      ...given,
      survive,
      name: `step ${at + 1} of ${plan.steps.length} (${given.why})`,
      // Whatever the plan says of it: files can be edited.
      voters: votersAfter(expected, given.changes),
    };
    try {
      checkUpToDate(step, expected);
      await takeStep(step);
    } catch (error) {
      throw at === 0 ? error : midway(error, step.name);
    }
    expected = step.voters;
  }
  return outcome(plan.steps.length, host.status().configuration);
}

/** Refusals after which nothing of a step was done. Of them, these let whoever asks put the same question again. */
const NOT_TAKEN: ReadonlySet<string> = new Set(['CHANGE_IN_FLIGHT', 'TRANSFER_IN_PROGRESS']);
const ASKED_AGAIN: ReadonlySet<string> = new Set(['NOT_LEADER', 'NOT_READY', 'NO_QUORUM']);

/** Whoever would ask again asks for the whole plan, and its first steps are done: it is for somebody to look. */
function midway(error: unknown, name: string): unknown {
  if (!(error instanceof SwarmError)) return error;
  const isOver = ASKED_AGAIN.has(error.code);
  if (!isOver && !NOT_TAKEN.has(error.code)) return error;
  const message = `${name} was not taken: ${error.message}. The steps before it were`;
  return isOver
    ? new SwarmError('OUTCOME_UNKNOWN', message)
    : new SwarmError('STALE_VERSION', `${message}. Plan again`);
}

/** @throws SwarmError NOT_LEADER, CHANGE_IN_FLIGHT, STALE_VERSION */
function checkUpToDate({ host, name, voters }: Step, expected: readonly NodeId[]): void {
  const { configuration: present, role } = host.status();
  if (role !== 'leader') throw new SwarmError('NOT_LEADER', `${host.id} does not lead`);
  if (isJoint(present)) throw new SwarmError('CHANGE_IN_FLIGHT', 'another change of members is not over yet');
  if (!isSame(expected, present.voters)) {
    throw new SwarmError(
      'STALE_VERSION',
      `${name} was made for voters ${expected.join(', ')}; now ${present.voters.join(', ')} vote. Plan again`,
    );
  }
  if (voters.includes(host.id)) return;
  throw new SwarmError(
    'STALE_VERSION',
    `${name} takes the vote of ${host.id}, which leads by now. Plan again, or give leadership away first: raft-manager transfer`,
  );
}

async function takeStep(step: Step): Promise<void> {
  const { changes, host, look, name, voters } = step;
  const before = host.status().configuration;
  const newcomers = voters.filter((id) => !before.voters.includes(id));
  const refusal =
    tooMany(voters, before.voters) ?? whyUnfit(newcomers, look()) ?? refusalOf(voters, look(), step);
  if (refusal !== undefined) throw new SwarmError('UNSAFE_CHANGE', `${name} was not taken: ${refusal}`);
  await host.changeMembership(changes);
  const trouble = await verify(newcomers, step);
  if (trouble === undefined) return note(step, { by: 'apply', why: step.why, voters });
  throw new SwarmError('UNSAFE_CHANGE', `${name} went wrong: ${trouble}; ${await putBack(before, step)}`);
}

/** What is wrong with the new configuration; undefined when it is proven. @throws SwarmError OUTCOME_UNKNOWN, STALE_VERSION */
async function verify(
  newcomers: readonly NodeId[],
  { host, look, name, trialMs, voters }: Step,
): Promise<string | undefined> {
  for (const deadline = performance.now() + trialMs; ; await delay(LOOK_AGAIN_MS)) {
    const { configuration, role } = host.status();
    const before = `${name} was taken, and before it had proved itself`;
    if (role !== 'leader') {
      throw new SwarmError('OUTCOME_UNKNOWN', `${before} ${host.id} led no more`);
    }
    if (!isSame(configuration.voters, voters)) {
      const present = configuration.voters.join(', ');
      throw new SwarmError('STALE_VERSION', `${before} somebody let others vote: ${present}. Plan again`);
    }
    const unfit = whyUnfit(newcomers, look());
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

/** Says what became of it. */
async function putBack(before: Configuration, step: Step): Promise<string> {
  const back = wayBack(before, step.look(), step);
  if (back === undefined) {
    return 'it stays so, as what was before could decide no better. See "raft-manager quorum status", and plan again';
  }
  try {
    const { voters } = await step.host.changeMembership(back.changes);
    await note(step, { by: 'rollback', why: 'a step did not prove itself', voters });
    return `${voters.join(', ')} vote again`;
  } catch (error) {
    if (error instanceof SwarmError) return `and it could not be taken back: ${error.message}`;
    throw error;
  }
}

function note({ host }: Step, what: Pick<Adjustment, 'by' | 'why' | 'voters'>): Promise<void> {
  const adjustment = { at: Date.now(), leader: host.id, outcome: 'done', ...what };
  return noteAdjustment(host, adjustment, host.machine.records);
}

function tooMany(voters: readonly NodeId[], present: readonly NodeId[]): string | undefined {
  if (voters.length <= Math.max(MAX_VOTERS, present.length)) return undefined;
  return `${voters.length} would vote, and more than ${MAX_VOTERS} make every decision slower`;
}

function whyUnfit(newcomers: readonly NodeId[], observations: readonly Observation[]): string | undefined {
  const unfit = newcomers.filter((id) => !observations.some((one) => one.id === id && isSound(one)));
  return unfit.length === 0 ? undefined : `${unfit.join(', ')} cannot be reached, or does not keep up`;
}

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
