import { SwarmError } from '../../protocol/errors.ts';
import { type NodeJson, takeCensus } from '../../swarm/census.ts';
import { SwarmClient } from '../../swarm/client.ts';
import type { SwarmFolder } from '../../swarm/layout.ts';
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

/**
 * - `equal`, `differs`: from what most nodes say.
 * - `damaged`: it does not come to its own hash again, or a file of it cannot be read.
 * - `unreachable`: it is down, or has not come as far as the checkpoint in time.
 */
interface Verdict {
  readonly id: string;
  readonly verdict: 'equal' | 'differs' | 'damaged' | 'unreachable';
  readonly stateHash: string | null;
  /** With `--full`: SHA-256 of the whole state. */
  readonly digest: string | null;
  readonly why: string;
}

/** What one node says of itself; `undefined` where it says nothing. */
interface Said {
  readonly id: string;
  readonly stateHash?: string;
  readonly digest?: string;
  readonly damage?: string;
  readonly silence?: string;
}

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
  const members = nodes.filter(({ member }) => member);
  const said = await Promise.all(members.map((node) => hear(folder, node, { index, ...options, full })));
  const verdicts = judge(said);
  if (options.json) printJson({ index, full, nodes: verdicts });
  else show(index, verdicts);
  const isWrong = verdicts.some(({ verdict }) => verdict === 'differs' || verdict === 'damaged');
  process.exitCode = isWrong ? EXIT.failed : EXIT.ok;
}

async function hear(
  folder: SwarmFolder,
  { id, url }: NodeJson,
  { index, full, timeout }: { readonly index: number; readonly full: boolean; readonly timeout: number },
): Promise<Said> {
  if (url === null) return { id, silence: 'it is down' };
  const client = new SwarmClient({ folder, name: `cli-${process.pid}`, version: packageVersion(), url });
  try {
    const noted = await client.query({ kind: 'checkpoint', index }, { timeoutMs: timeout });
    if (noted === null)
      return { id, silence: 'it took over from a snapshot behind the checkpoint; verify again' };
    if (!full) return { id, ...noted };
    const { digest, restoredHash } = await client.inspect(index, timeout);
    if (restoredHash === noted.stateHash) return { id, ...noted, digest };
    return { id, ...noted, digest, damage: `a machine built from its state comes to ${restoredHash}` };
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    const isDamage = error.code === 'DATA_DAMAGED';
    return isDamage ? { id, damage: error.message } : { id, silence: error.message };
  } finally {
    await client.close();
  }
}

/** What most nodes say is right; they have no better judge. */
function judge(said: readonly Said[]): readonly Verdict[] {
  const words = said.map(({ stateHash, digest }) => `${stateHash} ${digest ?? ''}`);
  const heard = words.filter((_, at) => said[at]?.stateHash !== undefined);
  const votes = (word: string): number => heard.filter((other) => other === word).length;
  const most = [...heard].sort((left, right) => votes(right) - votes(left))[0];
  return said.map(({ id, stateHash = null, digest = null, damage, silence }, at): Verdict => {
    if (silence !== undefined) return { id, verdict: 'unreachable', stateHash, digest, why: silence };
    if (damage !== undefined) return { id, verdict: 'damaged', stateHash, digest, why: damage };
    if (words[at] === most) return { id, verdict: 'equal', stateHash, digest, why: '' };
    return { id, verdict: 'differs', stateHash, digest, why: 'most nodes say otherwise; replace it' };
  });
}

function show(index: number, verdicts: readonly Verdict[]): void {
  const { columns } = process.stdout;
  const paint = paintFor({ isTTY: process.stdout.isTTY === true, env: process.env });
  const lines = table(verdicts, COLUMNS, { paint, ...(columns === undefined ? {} : { columns }) });
  for (const line of lines) printLine(line);
  const equal = verdicts.filter(({ verdict }) => verdict === 'equal').length;
  printLine(`${equal} of ${verdicts.length} members are equal at index ${index}`);
}
