import { SwarmError } from '../../protocol/errors.ts';
import { majority } from '../../protocol/state.ts';
import { takeCensus } from '../../swarm/census.ts';
import { compareNodes, type Verdict } from '../../swarm/verification.ts';
import type { ReachOptions } from '../options.ts';
import { packageVersion } from '../package-version.ts';
import { printJson, printLine, reachableFolder, withSwarm } from '../reach.ts';
import { EXIT } from '../report-error.ts';
import { paintFor } from '../view/paint.ts';
import { type Column, table } from '../view/table.ts';

export interface VerifyOptions extends ReachOptions {
  readonly quick?: true;
  readonly full?: true;
}

const CENSUS_TIMEOUT_MS = 2_000;

const COLUMNS: readonly Column<Verdict>[] = [
  { title: 'NODE', value: ({ id }) => id, least: 12 },
  {
    title: 'VERDICT',
    value: ({ verdict }) => verdict,
    style: ({ verdict }) => (verdict === 'equal' ? undefined : 'red'),
  },
  { title: 'HASH', value: ({ stateHash }) => stateHash ?? '-' },
  { title: 'WHY', value: ({ why }) => why },
];

/** Puts a checkpoint into the log and asks every node what it has come to there. */
export async function executeVerify(options: VerifyOptions): Promise<void> {
  if (options.quick && options.full) {
    throw new SwarmError('BAD_INPUT', '--quick and --full exclude each other');
  }
  const full = options.full === true;
  const { index } = await withSwarm(options, (client) =>
    client.execute({ kind: 'checkpoint', full }, { timeoutMs: options.timeout }),
  );
  const folder = await reachableFolder(options);
  const { nodes } = await takeCensus(folder, packageVersion(), CENSUS_TIMEOUT_MS);
  const asked = { folder, nodes, version: packageVersion(), timeoutMs: options.timeout };
  const verdicts = await compareNodes(asked, { index, full });
  if (options.json) printJson({ index, full, nodes: verdicts });
  else show(index, verdicts);
  process.exitCode = exitOf(verdicts);
}

/** What could not be compared proves nothing: it takes a majority that says the same. */
export function exitOf(verdicts: readonly Pick<Verdict, 'verdict'>[]): number {
  const count = (kind: Verdict['verdict']): number =>
    verdicts.filter(({ verdict }) => verdict === kind).length;
  if (count('differs') + count('damaged') > 0) return EXIT.failed;
  return count('equal') < majority(verdicts.length) ? EXIT.unreachable : EXIT.ok;
}

function show(index: number, verdicts: readonly Verdict[]): void {
  const { columns } = process.stdout;
  const paint = paintFor({ isTTY: process.stdout.isTTY === true, env: process.env });
  const lines = table(verdicts, COLUMNS, { paint, ...(columns === undefined ? {} : { columns }) });
  for (const line of lines) printLine(line);
  const equal = verdicts.filter(({ verdict }) => verdict === 'equal').length;
  printLine(`${equal} of ${verdicts.length} members are equal at index ${index}`);
}
