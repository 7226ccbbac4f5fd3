import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SwarmError } from '../../protocol/errors.ts';
import { renameDurably } from '../../storage/offline-state.ts';
import { locateProject, type ProjectFolder } from '../../swarm/layout.ts';
import { type Legacy, refound } from '../../swarm/refounding.ts';
import { newClusterId, type Roster, voterCount } from '../../swarm/roster.ts';
import { findRemains, hasMajority, legacyOfRemains, type Remains } from '../../swarm/survivors.ts';
import { taskCounts } from '../backup/task-counts.ts';
import type { PlaceOptions } from '../options.ts';
import { printJson, printLine } from '../reach.ts';
import { EXIT } from '../report-error.ts';

export interface RecoverOptions extends PlaceOptions {
  readonly iUnderstandDataLoss?: true;
  readonly json?: true;
}

export async function executeRecover(options: RecoverOptions): Promise<void> {
  const project = locateProject(options.dir, process.env, process.cwd());
  if (await finishBrokenOff(project)) {
    return say(options, { recovered: true }, [
      'a recovery that was broken off is done; start the swarm with "raft-manager up"',
    ]);
  }
  const remains = await findRemains(project);
  if (hasMajority(remains)) {
    throw new SwarmError(
      'BAD_INPUT',
      `a majority of the voters is on this machine (${remains.survivors.map(({ name }) => name).join(', ')}): nothing has to be given up; start them with "raft-manager up"`,
    );
  }
  const legacy = await legacyOfRemains(remains);
  const facts = factsOf(remains, legacy);
  if (options.iUnderstandDataLoss !== true) {
    say(options, { recovered: false, ...facts }, [...wordsOf(remains, legacy), '', ...HOW_TO_GO_ON]);
    process.exitCode = EXIT.usage;
    return;
  }
  const kept = await recover(project, remains, legacy);
  say(options, { recovered: true, ...facts, kept }, [
    ...wordsOf(remains, legacy),
    '',
    `a new swarm of ${remains.nodes.map(({ id }) => id).join(', ')} is in ${project.standing}; start it with "raft-manager up"`,
    `what was here is kept in ${kept}`,
  ]);
}

const HOW_TO_GO_ON = [
  'Nothing has been written. If the others may come back, start them instead: then nothing is lost.',
  'If they are gone for good: raft-manager recover --i-understand-data-loss',
];

/**
 * Lays the new swarm out beside the old one, puts that aside, and only then lets the new one take its place. After a crash the
 * same command goes on where it stopped.
 */
async function recover(project: ProjectFolder, remains: Remains, legacy: Legacy): Promise<string> {
  const next = nextPlace(project);
  rmSync(next, { recursive: true, force: true });
  await refound(next, rosterOf(remains), legacy);
  const kept = join(project.state, nextKeep(project));
  mkdirSync(kept, { mode: 0o700 });
  // The standing swarm goes last: as long as it is there, the command begins anew.
  for (const { root } of [...remains.folders].reverse())
    await renameDurably(root, join(kept, basename(root)));
  await renameDurably(next, project.standing);
  return kept;
}

/** The new swarm is whole, and the old one aside. */
async function finishBrokenOff(project: ProjectFolder): Promise<boolean> {
  const next = nextPlace(project);
  if (!existsSync(next) || existsSync(project.standing)) return false;
  if (!readdirSync(project.state).some((name) => KEEP.test(name))) return false;
  await renameDurably(next, project.standing);
  return true;
}

const KEEP = /^before-recovery-(\d+)$/;

const nextPlace = ({ standing }: ProjectFolder): string => `${standing}.recovering`;

function nextKeep({ state }: ProjectFolder): string {
  const numbers = readdirSync(state).map((name) => Number(KEEP.exec(name)?.[1] ?? 0));
  return `before-recovery-${Math.max(0, ...numbers) + 1}`;
}

/** Everybody of this machine, as if they had founded it. */
function rosterOf({ roster, nodes, configuration }: Remains): Roster {
  const { seeds, beside, ...rest } = roster;
  const voters = voterCount(nodes.length);
  const wasVoter = ({ id }: { readonly id: string }): number =>
    configuration.voters.some((one) => one === id) ? 0 : 1;
  const ranked = [...nodes].sort((left, right) => wasVoter(left) - wasVoter(right));
  return {
    ...rest,
    name: seeds === undefined ? roster.name : 'swarm',
    clusterId: newClusterId(),
    createdAt: new Date().toISOString(),
    nodes: ranked.map((node, at) => ({ ...node, voter: at < voters })),
  };
}

function factsOf({ survivors, lost, best, configuration }: Remains, { machine, last }: Legacy) {
  return {
    survivors: survivors.map(({ name, state }) => ({
      name,
      lastIndex: state.last.index,
      lastTerm: state.last.term,
      damage: state.damage?.message ?? null,
    })),
    lostVoters: lost,
    voters: configuration.voters,
    best: best.name,
    lastIndex: last.index,
    certainIndex: best.state.snapshot?.meta.index ?? 0,
    tasks: machine.counts,
  };
}

function wordsOf(remains: Remains, { machine, last }: Legacy): readonly string[] {
  const { survivors, best, configuration, lost } = remains;
  const certain = best.state.snapshot?.meta.index ?? 0;
  return [
    `voters: ${configuration.voters.join(', ')}; nothing that could vote is here of ${lost.join(', ')}`,
    ...survivors.map(({ name, state }) => {
      const damage = state.damage === undefined ? '' : `; damaged: ${state.damage.message}`;
      return `${name}: log up to entry ${state.last.index} of term ${state.last.term}${damage}`;
    }),
    '',
    `kept: what ${best.name} holds, ${taskCounts(machine.counts)}, up to entry ${last.index}`,
    `lost: whatever was acknowledged and had not reached ${best.name}, that is everything behind entry ${last.index}; how much that is, only those who are gone know`,
    ...(last.index > certain
      ? [
          `not certain: entries ${certain + 1} to ${last.index} are kept, and some of the last may never have been acknowledged`,
        ]
      : []),
  ];
}

function say(
  options: RecoverOptions,
  facts: Readonly<Record<string, unknown>>,
  words: readonly string[],
): void {
  if (options.json) printJson(facts);
  else for (const line of words) printLine(line);
}
