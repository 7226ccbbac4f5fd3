import { SwarmError } from '../../protocol/errors.ts';
import { type QuorumManager, quorumManager } from '../../siblings/quorum-manager/client.ts';
import type { Plan } from '../../siblings/quorum-manager/plan.ts';
import type { Strategy } from '../../siblings/quorum-manager/policy.ts';
import { type PolicyChanges, planSchema } from '../../siblings/quorum-manager/requests.ts';
import { readJsonText } from '../../swarm/json-text.ts';
import { readGiven } from '../given-file.ts';
import type { ReachOptions } from '../options.ts';
import { printJson, printLine, withSwarm } from '../reach.ts';
import { autoLines, planLines, statusLines } from './quorum-view.ts';

export interface WishOptions extends ReachOptions {
  readonly strategy?: Strategy;
  readonly voters?: number;
  readonly survive?: number;
}

export interface AutoOptions extends WishOptions {
  readonly coolDown?: number;
  readonly replaceAfter?: number;
  readonly stable?: number;
}

export async function showQuorum(options: ReachOptions): Promise<void> {
  const status = await ask(options, (manager) => manager.status());
  tell(options, status, () => statusLines(status));
}

export async function showPlan(options: WishOptions): Promise<void> {
  const plan = await ask(options, (manager) => manager.plan(wishOf(options)));
  tell(options, plan, () => planLines(plan, wishOf(options)));
}

export async function applyPlan(file: string | undefined, options: WishOptions): Promise<void> {
  const wish = wishOf(options);
  const given = file === undefined ? undefined : readPlan(file);
  if (given !== undefined && Object.keys(wish).length > 0) {
    throw new SwarmError(
      'BAD_INPUT',
      `${file} says already what is to be; a wish makes another plan: leave one of them out`,
    );
  }
  const applied = await ask(options, async (manager) => manager.apply(given ?? (await manager.plan(wish))));
  const { learners, steps, voters } = applied;
  tell(options, applied, () => [
    steps === 0
      ? 'nothing to do: it is so already'
      : `${steps} ${steps === 1 ? 'step' : 'steps'} carried out`,
    `voters ${voters.join(', ')}; learners ${learners.join(', ') || 'none'}`,
  ]);
}

export async function setAuto(what: 'on' | 'off' | 'status', options: AutoOptions): Promise<void> {
  const changes = changesOf(what, options);
  const state = await ask(options, (manager) => manager.auto(changes));
  tell(options, state, () => autoLines(state));
}

export async function setWeight(node: string, weight: number, options: ReachOptions): Promise<void> {
  const weighed = await ask(options, (manager) => manager.weigh(node, weight));
  tell(options, weighed, () => [`${weighed.id} weighs ${weighed.weight}. ${weighed.note}`]);
}

export async function setDomain(
  node: string,
  label: string | undefined,
  options: ReachOptions,
): Promise<void> {
  const placed = await ask(options, (manager) => manager.place(node, label ?? null));
  tell(options, placed, () => [
    `${placed.id} is in the failure domain ${placed.domain ?? 'that it names itself'}`,
  ]);
}

function ask<T>(options: ReachOptions, question: (manager: QuorumManager) => Promise<T>): Promise<T> {
  return withSwarm(options, (client) => question(quorumManager(client, { timeoutMs: options.timeout })));
}

function tell(options: ReachOptions, value: unknown, lines: () => readonly string[]): void {
  if (options.json) printJson(value);
  else for (const line of lines()) printLine(line);
}

/** @throws SwarmError BAD_INPUT with the place of what is wrong. */
function readPlan(file: string): Plan {
  const read = readJsonText(readGiven(file, 'plan').toString('utf8'), planSchema);
  if (read.ok) return read.value;
  throw new SwarmError('BAD_INPUT', `${file}:${read.line}:${read.column}: no plan: ${read.why}`);
}

function wishOf({ strategy, survive, voters }: WishOptions) {
  return {
    ...(strategy === undefined ? {} : { strategy }),
    ...(survive === undefined ? {} : { survive }),
    ...(voters === undefined ? {} : { voters }),
  };
}

/** @throws SwarmError BAD_INPUT when `status` comes with something to set. */
function changesOf(what: 'on' | 'off' | 'status', options: AutoOptions): PolicyChanges {
  const { coolDown, replaceAfter, stable } = options;
  const settings = {
    ...wishOf(options),
    ...(coolDown === undefined ? {} : { coolDownMs: coolDown }),
    ...(replaceAfter === undefined ? {} : { replaceAfterMs: replaceAfter }),
    ...(stable === undefined ? {} : { stableMs: stable }),
  };
  if (what !== 'status') return { auto: what === 'on', ...settings };
  if (Object.keys(settings).length === 0) return {};
  throw new SwarmError('BAD_INPUT', '"quorum auto status" only looks; to set something, say on or off');
}
