import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import { type ClusterId, logIndex, type NodeId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import { MAX_RECORD_WRITES } from '../protocol/limits.ts';
import type { LogPosition } from '../protocol/state.ts';
import { plantSnapshot, renameDurably } from '../storage/offline-state.ts';
import { encodeEnvelope } from '../tasks/codec.ts';
import type { TaskMachine } from '../tasks/machine.ts';
import { nameOf } from './blob-store.ts';
import { isMissing } from './files.ts';
import { type SwarmFolder, swarmFolder } from './layout.ts';
import { POLICY_RECORD } from './quarantine.ts';
import { bootstrapConfiguration, draftSwarm, type Roster } from './roster.ts';

/** What a swarm knows that another one begins with. */
export interface Legacy {
  readonly machine: TaskMachine;
  /** The last entry that is in it: the new log goes on behind it, so that fences and indexes rise. */
  readonly last: LogPosition;
  /** Contents that it names, by SHA-256. */
  readonly blobs: ReadonlyMap<string, Uint8Array>;
}

/**
 * Lays out a new swarm, with an id of its own, whose founders all begin with what another one knew. Whoever belonged to
 * that one is a stranger here. Nothing is to be seen in `place` before all of it is durable.
 *
 * @throws SwarmError ALREADY_RUNNING when something is there.
 */
export async function refound(place: string, roster: Roster, legacy: Legacy): Promise<SwarmFolder> {
  if (existsSync(place)) throw new SwarmError('ALREADY_RUNNING', `${place} is there already`);
  const draftRoot = `${place}.${process.pid}.draft`;
  rmSync(draftRoot, { recursive: true, force: true });
  try {
    const draft = draftSwarm(draftRoot, roster);
    const { index, term } = withoutAccess(legacy);
    const meta = { index, term, configuration: bootstrapConfiguration(roster) };
    for (const { id } of roster.nodes) {
      const name = id as NodeId;
      if (index > 0) {
        const owner = { clusterId: roster.clusterId as ClusterId, nodeId: name };
        await plantSnapshot({ folder: draft.wal(name), ...owner }, meta, legacy.machine.capture());
      }
      plantBlobs(draft.blobs(name), legacy.blobs);
    }
    await renameDurably(draftRoot, place);
  } catch (error) {
    rmSync(draftRoot, { recursive: true, force: true });
    throw error;
  }
  return swarmFolder(place);
}

/**
 * Authorities, certificates, tokens and roles are of the swarm that was: they let nobody in here. But for the policy, they
 * leave the machine by commands like any others, behind the last entry; returned is where the log goes on then.
 */
function withoutAccess({ machine, last }: Legacy): LogPosition {
  const gone = [...machine.records.values()].filter(
    ({ namespace, key }) => namespace === POLICY_RECORD.namespace && key !== POLICY_RECORD.key,
  );
  let { index } = last;
  for (let from = 0; from < gone.length; from += MAX_RECORD_WRITES) {
    const writes = gone
      .slice(from, from + MAX_RECORD_WRITES)
      .map(({ namespace, key }) => ({ namespace, key }));
    index = logIndex(index + 1);
    const data = encodeEnvelope({ at: Date.now(), body: { kind: 'record', writes } });
    const { result } = machine.apply({ index, term: last.term, kind: 'command', data });
    invariant(result.ok, 'whoever has records can take them away');
  }
  return { index, term: last.term };
}

function plantBlobs(folder: string, blobs: Legacy['blobs']): void {
  if (blobs.size === 0) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [sha256, content] of blobs) {
    writeFileSync(join(folder, sha256), content, { mode: 0o600, flush: true });
  }
}

/** A content as it lies in the folder of a node; undefined when it is not there, or has rotted. */
export function readBlobFile(folder: string, sha256: string): Uint8Array | undefined {
  try {
    const content = new Uint8Array(readFileSync(join(folder, sha256)));
    return nameOf(content).sha256 === sha256 ? content : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
