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
  /** SHA-256 of the last entries of the log; null where it does not reach back so far. */
  readonly logHash: string | null;
  readonly why: string;
}

/** What one node says of itself; `undefined` where it says nothing. */
export interface Said {
  readonly id: string;
  readonly stateHash?: string;
  readonly digest?: string;
  readonly logHash?: string;
  /** Whose way of writing the state down the digest is of. */
  readonly release?: string;
  readonly damage?: string;
  readonly silence?: string;
}

/** A checkpoint that is in the log. `full`: its state was kept, and is to be looked through. */
export interface Checkpoint {
  readonly index: number;
  readonly full: boolean;
}

interface How {
  readonly folder: SwarmFolder;
  readonly version: string;
  readonly timeoutMs: number;
}

interface Asked extends How {
  readonly nodes: readonly NodeJson[];
}

/** For a node to say that it is there. */
const GREETING_MS = 1_000;

/** Asks every member what it has come to at a checkpoint, and holds them against each other. */
export async function compareNodes(
  { nodes, ...how }: Asked,
  checkpoint: Checkpoint,
): Promise<readonly Verdict[]> {
  return judge(
    await hearMembers(
      nodes.filter(({ member }) => member),
      checkpoint,
      how,
    ),
  );
}

/**
 * Asks all of them at once; whoever cannot be reached says nothing. While two releases are at work the digests say
 * nothing either: each may write the same state down in other bytes.
 */
export async function hearMembers(
  places: readonly Pick<NodeJson, 'id' | 'url'>[],
  checkpoint: Checkpoint,
  how: How,
): Promise<readonly Said[]> {
  const said = await Promise.all(places.map((place) => hear(place, checkpoint, how)));
  const releases = new Set(said.flatMap(({ release }) => release ?? []));
  return releases.size < 2 ? said : said.map(({ digest: _, ...rest }) => rest);
}

async function hear(
  { id, url }: Pick<NodeJson, 'id' | 'url'>,
  { index, full }: Checkpoint,
  { folder, timeoutMs, version }: How,
): Promise<Said> {
  if (url === null) return { id, silence: 'it is down' };
  const client = new SwarmClient({ folder, name: `verify-${process.pid}`, version, url });
  try {
    // Whoever is there says so at once; to come to the checkpoint may take longer.
    await client.query({ kind: 'status' }, { timeoutMs: Math.min(timeoutMs, GREETING_MS) });
    const noted = await client.query({ kind: 'checkpoint', index }, { timeoutMs });
    if (noted === null)
      return { id, silence: 'it took over from a snapshot behind the checkpoint; verify again' };
    const { stateHash, logHash } = noted;
    const heard = { id, stateHash, ...(logHash == null ? {} : { logHash }) };
    if (!full) return heard;
    const { digest, release = 'unknown', restoredHash } = await client.inspect(index, timeoutMs);
    const whole = { ...heard, digest, release };
    if (restoredHash === stateHash) return whole;
    return { ...whole, damage: `a machine built from its state comes to ${restoredHash}` };
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    const isDamage = error.code === 'DATA_DAMAGED';
    return isDamage ? { id, damage: error.message } : { id, silence: error.message };
  } finally {
    await client.close();
  }
}

/** Tells a member to stop, and to stay down. @throws SwarmError when it cannot be told, or is not who was compared. */
export async function orderQuarantine(
  { id, url }: Pick<NodeJson, 'id' | 'url'>,
  order: { readonly index: number; readonly why: string },
  { folder, timeoutMs, version }: How,
): Promise<void> {
  if (url === null) throw new SwarmError('NOT_RUNNING', `nobody knows where ${id} is`);
  const client = new SwarmClient({ folder, name: `verify-${process.pid}`, version, url });
  try {
    await client.quarantine(order, timeoutMs);
  } finally {
    await client.close();
  }
}

/** What most nodes say is right; they have no better judge. */
function judge(said: readonly Said[]): readonly Verdict[] {
  const right = {
    stateHash: mostSaid(said.map(({ stateHash }) => stateHash)),
    digest: mostSaid(said.map(({ digest }) => digest)),
    logHash: mostSaid(said.map(({ logHash }) => logHash)),
  };
  const differs = (one: Said, what: keyof typeof right): boolean =>
    one[what] !== undefined && one[what] !== right[what];
  return said.map((one): Verdict => {
    const { id, stateHash = null, digest = null, logHash = null, damage, silence } = one;
    const words = { id, stateHash, digest, logHash };
    if (silence !== undefined) return { ...words, verdict: 'unreachable', why: silence };
    if (damage !== undefined) return { ...words, verdict: 'damaged', why: damage };
    const isState = differs(one, 'stateHash') || differs(one, 'digest');
    if (!isState && !differs(one, 'logHash')) return { ...words, verdict: 'equal', why: '' };
    const what = isState ? 'state' : 'log';
    return { ...words, verdict: 'differs', why: `most nodes have another ${what}; replace it` };
  });
}

/** Of two that are said equally often, the first. */
function mostSaid(words: readonly (string | undefined)[]): string | undefined {
  const votes = (word: string | undefined): number => words.filter((other) => other === word).length;
  return words.filter((word) => word !== undefined).sort((left, right) => votes(right) - votes(left))[0];
}
