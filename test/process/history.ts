import { expect } from 'vitest';
import type { Entry } from '../../src/protocol/entry.ts';
import type { ClusterId, NodeId } from '../../src/protocol/ids.ts';
import { majority } from '../../src/protocol/state.ts';
import { openWal } from '../../src/storage/wal.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import { loadRoster } from '../../src/swarm/roster.ts';
import { decodeEnvelope } from '../../src/tasks/codec.ts';
import type { TaskCommand } from '../../src/tasks/command.ts';
import { TaskMachine } from '../../src/tasks/machine.ts';

interface Refusal {
  readonly command: TaskCommand;
  readonly code: string;
}

/** What the disks of a stopped swarm say happened. */
export interface History {
  readonly machine: TaskMachine;
  readonly commands: readonly TaskCommand[];
  /** How often each task went over to `completed`. */
  readonly completions: ReadonlyMap<string, number>;
  readonly refusals: readonly Refusal[];
}

/**
 * Reads the logs of all nodes, holds them against each other, and replays what a majority of the voters
 * has on disk: those that the swarm was founded with, unless they have changed.
 */
export async function readHistory(
  folder: SwarmFolder,
  { voters: changed }: { readonly voters?: readonly string[] } = {},
): Promise<History> {
  const { clusterId, nodes } = loadRoster(folder);
  const logs = await Promise.all(
    nodes.map(async ({ id, voter }) => {
      const owner = { clusterId: clusterId as ClusterId, nodeId: id as NodeId };
      return { id, voter: changed?.includes(id) ?? voter, entries: await readLog(folder, owner) };
    }),
  );
  const voters = logs.filter(({ voter }) => voter);
  // The index that a majority reaches is committed in a swarm that came to rest.
  const lengths = voters.map(({ entries }) => entries.length).sort((a, b) => b - a);
  const committed = lengths[majority(voters.length) - 1] ?? 0;
  const longest = voters.find(({ entries }) => entries.length === committed)?.entries ?? [];
  for (const { id, entries } of logs) expectSamePrefix(id, entries, longest);
  return replay(longest);
}

async function readLog(
  folder: SwarmFolder,
  owner: { readonly clusterId: ClusterId; readonly nodeId: NodeId },
): Promise<readonly Entry[]> {
  const wal = await openWal({ folder: folder.wal(owner.nodeId), ...owner });
  await wal.close();
  return wal.recovered.entries;
}

/** Two logs that agree on the term of an entry agree on everything up to it. §5.3 */
function expectSamePrefix(id: string, log: readonly Entry[], other: readonly Entry[]): void {
  for (let at = Math.min(log.length, other.length) - 1; at >= 0; at -= 1) {
    const [a, b] = [log[at], other[at]];
    if (a?.term !== b?.term) continue;
    const digest = (entries: readonly Entry[]): string[] =>
      entries
        .slice(0, at + 1)
        .map(({ term, kind, data }) => `${term} ${kind} ${Buffer.from(data).toString('hex')}`);
    expect(digest(log), `log of ${id} up to ${at + 1}`).toEqual(digest(other));
    return;
  }
}

function replay(entries: readonly Entry[]): History {
  const machine = new TaskMachine();
  const commands: TaskCommand[] = [];
  const refusals: Refusal[] = [];
  const completions = new Map<string, number>();
  for (const entry of entries) {
    if (entry.kind !== 'command') continue;
    const { result, events } = machine.apply(entry);
    const command = decodeEnvelope(entry.data)?.body;
    if (command !== undefined) commands.push(command);
    if (command !== undefined && !result.ok) refusals.push({ command, code: result.code });
    for (const event of events) {
      if (event.type !== 'task' || event.to !== 'completed') continue;
      completions.set(event.taskId, (completions.get(event.taskId) ?? 0) + 1);
    }
  }
  return { machine, commands, completions, refusals };
}

/** Every one of `ids` was completed once, and nothing else was. */
export function expectEachCompletedOnce(history: History, ids: readonly string[]): void {
  expect([...history.completions].sort()).toEqual(ids.map((id) => [id, 1]).sort());
}
