import { setTimeout as delay } from 'node:timers/promises';
import { SwarmError } from '../../protocol/errors.ts';
import { type Census, type NodeJson, takeCensus } from '../../swarm/census.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
import type { Overview } from '../../swarm/port.ts';
import { noTasks } from '../../tasks/task.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { paintFor } from '../view/paint.ts';
import { type Column, table } from '../view/table.ts';
import type { StatusOptions } from './service-options.ts';

const CENSUS_TIMEOUT_MS = 2_000;
const CLEAR_SCREEN = '\u001B[H\u001B[2J';

const COLUMNS: readonly Column<NodeJson>[] = [
  { title: 'NODE', value: ({ id }) => id, least: 12 },
  { title: 'ROLE', value: ({ role }) => role, style: ({ role }) => (role === 'down' ? 'red' : undefined) },
  { title: 'VOTER', value: ({ voter }) => (voter ? 'yes' : 'no') },
  { title: 'TERM', value: ({ term }) => String(term), align: 'right' },
  { title: 'COMMIT', value: ({ commitIndex }) => String(commitIndex), align: 'right' },
  { title: 'APPLIED', value: ({ appliedIndex }) => String(appliedIndex), align: 'right' },
  { title: 'LAG', value: ({ lag }) => String(lag), align: 'right' },
  {
    title: 'HEARD',
    value: ({ lastContactMs }) => (lastContactMs === null ? '-' : `${Math.round(lastContactMs)} ms`),
    align: 'right',
  },
  { title: 'PID', value: ({ pid }) => String(pid ?? '-'), align: 'right' },
  { title: 'URL', value: ({ url }) => url ?? '-' },
];

export async function executeStatus(options: StatusOptions): Promise<void> {
  const folder = await reachableFolder(options);
  for (;;) {
    const census = await takeCensus(folder, packageVersion(), Math.min(options.timeout, CENSUS_TIMEOUT_MS));
    const overview = census.quorum ? await lookOver(folder, options.timeout) : undefined;
    show(census, overview, options);
    process.exitCode = census.quorum ? EXIT.ok : EXIT.unreachable;
    if (!options.watch) return;
    await delay(options.interval);
  }
}

/** What the log says of the tasks; undefined when the quorum was lost just now. */
async function lookOver(folder: SwarmFolder, timeoutMs: number): Promise<Overview | undefined> {
  const client = new SwarmClient({ folder, name: `status-${process.pid}`, version: packageVersion() });
  try {
    return await client.query({ kind: 'overview' }, { timeoutMs });
  } catch (error) {
    if (error instanceof SwarmError) return undefined;
    throw error;
  } finally {
    await client.close();
  }
}

function show(census: Census, overview: Overview | undefined, { json, watch }: StatusOptions): void {
  const tasks = overview?.counts ?? noTasks();
  if (json) {
    printJson({ ...census, paused: overview?.paused ?? null, tasks, stateHash: overview?.stateHash ?? null });
    return;
  }
  if (watch && process.stdout.isTTY) process.stdout.write(CLEAR_SCREEN);
  const quorum = census.quorum ? 'quorum' : 'NO QUORUM';
  printLine(
    `swarm ${census.swarm}  coordinator ${census.coordinator ?? 'none'}  term ${census.term}  ${quorum}`,
  );
  if (overview?.paused != null) printLine(`paused: ${overview.paused}`);
  const counts = Object.entries(tasks).flatMap(([state, count]) => (count > 0 ? [`${count} ${state}`] : []));
  printLine(`tasks ${counts.length > 0 ? counts.join(', ') : 'none'}`);
  printLine('');
  const { columns } = process.stdout;
  const paint = paintFor({ isTTY: process.stdout.isTTY === true, env: process.env });
  for (const line of table(census.nodes, COLUMNS, { paint, ...(columns === undefined ? {} : { columns }) }))
    printLine(line);
}
