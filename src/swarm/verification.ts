import { SwarmError } from '../protocol/errors.ts';
import type { NodeJson } from './census.ts';
import { SwarmClient } from './client.ts';
import type { SwarmFolder } from './layout.ts';

/**
 * - `equal`, `differs`: from what most nodes say.
 * - `damaged`: it does not come to its own hash again, or a file of it cannot be read.
 * - `unreachable`: it is down, or has not come as far as the checkpoint in time.
 */
export interface Verdict {
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

/** A checkpoint that is in the log. `full`: its state was kept, and is to be looked through. */
interface Checkpoint {
  readonly index: number;
  readonly full: boolean;
}

interface Asked {
  readonly folder: SwarmFolder;
  readonly nodes: readonly NodeJson[];
  readonly version: string;
  readonly timeoutMs: number;
}

/** Asks every member what it has come to at a checkpoint, and holds them against each other. */
export async function compareNodes(asked: Asked, checkpoint: Checkpoint): Promise<readonly Verdict[]> {
  const { folder, nodes, ...how } = asked;
  const members = nodes.filter(({ member }) => member);
  return judge(await Promise.all(members.map((node) => hear(folder, node, { ...checkpoint, ...how }))));
}

async function hear(
  folder: SwarmFolder,
  { id, url }: NodeJson,
  { index, full, timeoutMs, version }: Checkpoint & Omit<Asked, 'folder' | 'nodes'>,
): Promise<Said> {
  if (url === null) return { id, silence: 'it is down' };
  const client = new SwarmClient({ folder, name: `verify-${process.pid}`, version, url });
  try {
    const noted = await client.query({ kind: 'checkpoint', index }, { timeoutMs });
    if (noted === null)
      return { id, silence: 'it took over from a snapshot behind the checkpoint; verify again' };
    if (!full) return { id, ...noted };
    const { digest, restoredHash } = await client.inspect(index, timeoutMs);
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
