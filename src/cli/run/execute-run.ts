import { checkExecutor, createExecutor } from '../../agents/executors/registry.ts';
import { SwarmError } from '../../protocol/errors.ts';
import { takeCensus } from '../../swarm/census.ts';
import { SwarmClient } from '../../swarm/client.ts';
import { type LaunchedSwarm, launchSwarm } from '../../swarm/launch.ts';
import {
  locateProject,
  type ProjectFolder,
  prepareStateFolder,
  type SwarmFolder,
} from '../../swarm/layout.ts';
import { createSwarm, loadRoster, type Roster } from '../../swarm/roster.ts';
import {
  closeRun,
  findUnfinishedRun,
  newRunFolder,
  pruneRuns,
  type RunOrder,
  removeRun,
  saveRunOrder,
} from '../../swarm/run-folder.ts';
import type { SupervisorEvent } from '../../swarm/supervisor.ts';
import { checkCapabilities, checkWork, readTaskFile } from '../../swarm/task-file.ts';
import type { UsageLimits } from '../../tasks/usage.ts';
import { budgetOf } from '../executor-options.ts';
import { planFromOptions } from '../founding-options.ts';
import { NODE_COMMAND } from '../node-command.ts';
import { packageVersion } from '../package-version.ts';
import { EXIT, exitCodeOf } from '../report-error.ts';
import { paintFor } from '../view/paint.ts';
import { type RunReport, reportJson, reportLines } from '../view/run-report.ts';
import { Interrupts } from './interrupts.ts';
import { openRunDisplay, type RunDisplay } from './run-display.ts';
import type { RunOptions } from './run-options.ts';
import { RunSession } from './run-session.ts';

const CENSUS_TIMEOUT_MS = 1_000;

/** Carries out `run` from the first check to the report. Returns the exit code. */
export async function executeRun(file: string | undefined, options: RunOptions): Promise<number> {
  const project = locateProject(options.dir, process.env, process.cwd());
  const { folder, order } = options.resume
    ? await unfinishedRun(project)
    : await foundRun(file, options, project);
  const onUnfit = (): void => {
    // It never began, so there is nothing that --resume could go on with.
    if (options.resume !== true) removeRun(folder);
  };
  const startedAt = Date.now();
  const display = openRunDisplay({ swarm: order.key, startedAt, quiet: options.json === true });
  const interrupts = new Interrupts();
  try {
    const report = await conduct({
      folder,
      order,
      startedAt,
      display,
      interrupts,
      budget: budgetOf(options),
      onUnfit,
    });
    display.close();
    finish(folder, report, options);
    return report.tasks.every(({ state }) => state === 'completed') ? EXIT.ok : EXIT.failed;
  } finally {
    display.close();
    interrupts.close();
  }
}

async function unfinishedRun(project: ProjectFolder): Promise<ReturnType<typeof findUnfinishedRun>> {
  const found = findUnfinishedRun(project);
  await checkExecutor(await createExecutor(loadRoster(found.folder).executor), process.env);
  return found;
}

/** Checks everything that can be checked before anything starts, then lays out the run's folder. */
async function foundRun(
  file: string | undefined,
  options: RunOptions,
  project: ProjectFolder,
): Promise<{ readonly folder: SwarmFolder; readonly order: RunOrder }> {
  if (file === undefined) {
    throw new SwarmError(
      'BAD_INPUT',
      'name a task file, e.g. "raft-manager run examples/release.yaml", or use --resume',
    );
  }
  const taskFile = readTaskFile(file);
  checkWork(taskFile, await createExecutor(options.executor ?? 'command'));
  const folder = newRunFolder(project);
  const key = folder.root.slice(project.runs.length + 1);
  const roster: Roster = await planFromOptions(options, { project, name: key, secured: false });
  checkCapabilities(taskFile, await capabilitiesOf(roster));
  prepareStateFolder(project.state);
  pruneRuns(project);
  createSwarm(folder.root, roster);
  const order = { taskFile: file, key, tasks: taskFile.tasks };
  saveRunOrder(folder, order);
  return { folder, order };
}

async function capabilitiesOf(roster: Roster): Promise<{ id: string; capabilities: readonly string[] }[]> {
  const { loadAgentFile } = await import('../../agents/load.ts');
  return Promise.all(
    roster.nodes.map(async ({ id, agentFile }) => {
      return { id, capabilities: (await loadAgentFile(agentFile)).capabilities };
    }),
  );
}

interface Conduct {
  readonly folder: SwarmFolder;
  readonly order: RunOrder;
  readonly startedAt: number;
  readonly display: RunDisplay;
  readonly interrupts: Interrupts;
  readonly budget: UsageLimits;
  /** The swarm cannot be started the way it was asked for. */
  onUnfit(): void;
}

/** Starts the swarm, submits, follows until every task has come to an end or a person stops it. */
async function conduct(job: Conduct): Promise<RunReport> {
  const { budget, folder, order, startedAt, display, interrupts } = job;
  const client = new SwarmClient({
    folder,
    name: `run-${process.pid}`,
    version: packageVersion(),
    onNotice: (notice) => session.onNotice(notice),
    onRelinked: () => session.onRelinked(),
  });
  const voters = loadRoster(folder).nodes.filter(({ voter }) => voter);
  const session = new RunSession({ client, order, display, budget, voters: voters.map(({ id }) => id) });
  const swarm = await launch(job, (event) => session.onSupervisor(event));
  const sampler = display.wantsCensus
    ? setInterval(
        () => void takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS).then(display.onCensus),
        500,
      )
    : undefined;
  try {
    await Promise.race([session.begin(), session.settled]);
    await Promise.race([session.settled, interrupts.first.then(() => session.windDown())]);
    const tasks = await session.tasks();
    const census = await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS);
    return {
      swarm: census.swarm,
      coordinator: census.coordinator,
      term: census.term,
      elections: display.elections,
      tasks,
      durationMs: Date.now() - startedAt,
      exhausted: session.exhausted ?? null,
    };
  } finally {
    clearInterval(sampler);
    await client.close();
    await swarm.stop();
  }
}

async function launch(
  { folder, display, interrupts, onUnfit }: Conduct,
  onEvent: (event: SupervisorEvent) => void,
): Promise<LaunchedSwarm> {
  try {
    const swarm = await launchSwarm({ folder, nodeCommand: NODE_COMMAND, onEvent });
    interrupts.onSecond(() => {
      display.close();
      process.stderr.write('raft-manager: stopped at once; "raft-manager run --resume" goes on\n');
      void swarm.supervisor.halt().then(() => process.exit(EXIT.failed));
    });
    return swarm;
  } catch (error) {
    if (exitCodeOf(error) === EXIT.usage) onUnfit();
    throw error;
  }
}

function finish(folder: SwarmFolder, report: RunReport, options: RunOptions): void {
  const isOver = report.tasks.every(({ state }) => state === 'completed');
  if (isOver && options.keep !== true) removeRun(folder);
  else if (isOver) closeRun(folder);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(reportJson(report))}\n`);
    return;
  }
  const { columns } = process.stdout;
  const lines = reportLines(report, {
    resume: 'raft-manager run --resume',
    paint: paintFor({ isTTY: process.stdout.isTTY === true, env: process.env }),
    ...(columns === undefined ? {} : { columns }),
  });
  process.stdout.write(`\n${lines.join('\n')}\n`);
}
