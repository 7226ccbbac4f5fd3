import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import type { BlackboardJson } from '../../siblings/crdt-synchronizer/client-wire.ts';
import { crdt } from '../../siblings/crdt-synchronizer/crdt-client.ts';
import { takeCensus } from '../../swarm/census.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import type { Overview } from '../../swarm/port.ts';
import { noTasks } from '../../tasks/task.ts';
import { NO_USAGE } from '../../tasks/usage.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder, tableOptions } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { wordLines } from '../view/blackboard-view.ts';
import { changedLines } from '../view/status-changes.ts';
import { briefLine, statusLines } from '../view/status-view.ts';
import type { StatusOptions } from './service-options.ts';

const CENSUS_TIMEOUT_MS = 2_000;
const CLEAR_SCREEN = '\u001B[H\u001B[2J';

const UNTOLD = { usage: NO_USAGE, budget: { maxTokens: null, maxCostUsd: null, exhausted: null } };

/** For what no quorum is needed for; and for a node that says nothing it is not waited long. */
const BLACKBOARD_TIMEOUT_MS = 1_000;

interface Look {
  readonly census: Awaited<ReturnType<typeof takeCensus>>;
  readonly overview: Overview | undefined;
  /** As the instance that answers knows it; undefined when none does. */
  readonly blackboard: BlackboardJson | undefined;
}

export async function executeStatus(options: StatusOptions): Promise<void> {
  const folder = await reachableFolder(options);
  const show = options.watch ? watching(options) : showOnce;
  for (;;) {
    const census = await takeCensus(folder, packageVersion(), Math.min(options.timeout, CENSUS_TIMEOUT_MS));
    const overview = census.quorum && !options.brief ? await lookOver(folder, options.timeout) : undefined;
    const isUp = census.nodes.some(({ role }) => role !== 'down');
    const blackboard = isUp && !options.brief ? await readBlackboard(folder) : undefined;
    show({ census, overview, blackboard }, options);
    process.exitCode = census.quorum ? EXIT.ok : EXIT.unreachable;
    if (!options.watch) return;
    await delay(options.interval);
  }
}

/** What the log says of the tasks; undefined when the quorum was lost just now. */
async function lookOver(folder: SwarmFolder, timeoutMs: number): Promise<Overview | undefined> {
  const client = new SwarmClient({ folder, name: `status-${process.pid}`, version: packageVersion() });
  try {
    // A node of an older release says nothing of usage.
    return { ...UNTOLD, ...(await client.query({ kind: 'overview' }, { timeoutMs })) };
  } catch (error) {
    if (error instanceof SwarmError) return undefined;
    throw error;
  } finally {
    await client.close();
  }
}

/** Also on the side of a cut that decides nothing. */
async function readBlackboard(folder: SwarmFolder): Promise<BlackboardJson | undefined> {
  const client = new SwarmClient({ folder, name: `status-${process.pid}`, version: packageVersion() });
  try {
    return await crdt(client).blackboard({ timeoutMs: BLACKBOARD_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof SwarmError) return undefined;
    throw error;
  } finally {
    await client.close();
  }
}

/** On a terminal the picture is drawn anew; elsewhere what has changed is told, a line each. */
function watching({ json }: StatusOptions): (look: Look, options: StatusOptions) => void {
  let former: Look | undefined;
  return (look, options) => {
    if (!json && process.stdout.isTTY) process.stdout.write(CLEAR_SCREEN);
    if (json || process.stdout.isTTY) showOnce(look, options);
    else for (const line of changedLines(former, look)) printLine(line);
    former = look;
  };
}

function showOnce({ blackboard, census, overview }: Look, { brief, json }: StatusOptions): void {
  if (brief) return printLine(briefLine(census));
  if (json) {
    const tasks = overview?.counts ?? noTasks();
    printJson({
      ...census,
      paused: overview?.paused ?? null,
      tasks,
      usage: overview?.usage ?? null,
      budget: overview?.budget ?? null,
      stateHash: overview?.stateHash ?? null,
      blackboard: blackboard ?? null,
    });
    return;
  }
  for (const line of statusLines(census, overview, tableOptions())) printLine(line);
  for (const line of wordLines(blackboard)) printLine(line);
}
