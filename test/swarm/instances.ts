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
  /** So many of them, the last ones, never come up. */
  readonly absent?: number;
  readonly executor: Executor;
  readonly leaseMs?: number;
  readonly work?: Partial<Roster>;
  /** With certificates: before its instances come up this is done to its folder. */
  secure?(folder: SwarmFolder): Promise<unknown>;
  onNotice?(notice: Notice): void;
  onTrouble?(id: string, error: unknown): void;
  onStopped?(id: string, error: Error): void;
}

export interface Standing {
  readonly folder: SwarmFolder;
  readonly client: SwarmClient;
  readonly instances: Map<string, RunningInstance>;
  /** Brings up one that was absent. */
  raise(id: string): Promise<void>;
}

/** As long as a test may take: with many instances in one process on a busy machine, everything takes its time. */
const PATIENCE_MS = 120_000;

export const idle: Executor = {
  name: 'test',
  refuse: () => undefined,
  execute: () => Promise.reject(new Error('there is nothing to do')),
};

/** A swarm in this process that has a coordinator and understands all that this release does. */
export async function stand({
  instances,
  absent = 0,
  executor,
  leaseMs,
  work,
  secure,
  onNotice,
  onTrouble,
  onStopped,
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
  await secure?.(folder);
  const running = new Map<string, RunningInstance>();
  const raise = async (id: string): Promise<void> => {
    const instance = await startInstance({
      folder,
      id: id as NodeId,
      version: 'test',
      executor,
      onTrouble: (error) => onTrouble?.(id, error),
      onRoleChanged: () => undefined,
      onStopped: (error) => onStopped?.(id, error),
    });
    running.set(id, instance);
    onTestFinished(async () => {
      if (running.delete(id)) await instance.stop('at-once');
    });
  };
  await Promise.all(roster.nodes.slice(0, instances - absent).map(({ id }) => raise(id)));
  const client = new SwarmClient({
    folder,
    name: 'test',
    version: 'test',
    timeoutMs: PATIENCE_MS,
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  onTestFinished(() => client.close());
  await until(async () => (await client.query({ kind: 'overview' })).level === LATEST_LEVEL);
  return { folder, client, instances: running, raise };
}

/** Asks again and again; the test's own time is the limit. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await turn();
}
