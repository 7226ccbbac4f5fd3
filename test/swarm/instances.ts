import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Executor } from '../../src/agents/executors/port.ts';
import { loadAgentFile } from '../../src/agents/load.ts';
import { PACKAGE_AGENTS } from '../../src/agents/registry.ts';
import { type RunningInstance, startInstance } from '../../src/compose.ts';
import type { NodeId } from '../../src/protocol/ids.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { planSwarm } from '../../src/swarm/founding.ts';
import type { SwarmFolder } from '../../src/swarm/layout.ts';
import type { Notice } from '../../src/swarm/port.ts';
import { createSwarm, type Roster } from '../../src/swarm/roster.ts';
import { LATEST_LEVEL } from '../../src/tasks/member.ts';

interface Founding {
  readonly instances: number;
  readonly executor: Executor;
  /** Founders, the last ones, that never start. */
  readonly absent?: number;
  readonly leaseMs?: number;
  readonly work?: Partial<Roster>;
  onNotice?(notice: Notice): void;
}

export interface Standing {
  readonly folder: SwarmFolder;
  readonly client: SwarmClient;
  readonly instances: Map<string, RunningInstance>;
}

/** Has nothing to do. */
export const idle: Executor = {
  name: 'idle',
  refuse: () => undefined,
  execute: () => Promise.reject(new Error('there is nothing to do')),
};

/** A swarm in this process that has a coordinator and understands all that this release does. */
export async function stand({
  instances,
  executor,
  absent = 0,
  leaseMs,
  work,
  onNotice,
}: Founding): Promise<Standing> {
  const root = mkdtempSync(join(tmpdir(), 'raft-manager-swarm-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const definition = await loadAgentFile(resolve(PACKAGE_AGENTS, 'raft-manager.md'));
  const roster = planSwarm({
    name: 'test',
    definitions: [definition],
    instances,
    port: 0,
    workspace: root,
    requireHooks: false,
    leaseMs: leaseMs ?? 60_000,
    work: { executor: 'command', ...work },
  });
  const folder = createSwarm(join(root, 'swarm'), roster);
  const running = new Map<string, RunningInstance>();
  await Promise.all(
    roster.nodes.slice(0, instances - absent).map(async ({ id }) => {
      const instance = await startInstance({
        folder,
        id: id as NodeId,
        version: 'test',
        executor,
        onTrouble: () => undefined,
        onRoleChanged: () => undefined,
        onStopped: () => undefined,
      });
      running.set(id, instance);
      onTestFinished(async () => {
        if (running.delete(id)) await instance.stop('at-once');
      });
    }),
  );
  const client = new SwarmClient({
    folder,
    name: 'test',
    version: 'test',
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  onTestFinished(() => client.close());
  await until(async () => (await client.query({ kind: 'overview' })).level === LATEST_LEVEL);
  return { folder, client, instances: running };
}

/** Asks again and again; the test's own time is the limit. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await turn();
}
