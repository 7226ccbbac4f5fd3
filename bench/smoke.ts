import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type BenchChild, cpuMs, residentMiB, startBenchChild } from './children.ts';
import { measureLimit } from './limit/measure.ts';
import { LEVELS, type LoadRow, WARM_UP } from './load.ts';

/**
 * `npm run bench:smoke`: durable commits per second of three nodes, beside the barest pipeline measured in the
 * same run; failover after kill -9; memory and idle CPU. Under a minute.
 */

const IDS = ['n1', 'n2', 'n3'];
const LOAD_MS = 2_500;
const IDLE_MS = 3_000;
const FAILOVERS = 5;

type NodeMessage =
  | { readonly type: 'ready'; readonly url: string }
  | { readonly type: 'role'; readonly role: string; readonly term: number };

/** One node's process, restarted when the benchmark kills it. */
class BenchNode {
  readonly #root: string;
  readonly #id: string;
  child: BenchChild<NodeMessage>;
  url = '';
  role = 'follower';
  #onLeader: () => void = () => undefined;

  constructor(root: string, id: string) {
    this.#root = root;
    this.#id = id;
    this.child = this.#start();
  }

  restart(): void {
    this.child = this.#start();
  }

  onLeader(callback: () => void): void {
    this.#onLeader = callback;
  }

  #start(): BenchChild<NodeMessage> {
    this.role = 'follower';
    this.url = '';
    const file = new URL('./node-process.ts', import.meta.url);
    const child = startBenchChild<NodeMessage>(file, [this.#root, this.#id, ...IDS]);
    const listen = async (): Promise<never> => {
      for (;;) {
        const message = await child.next();
        if (message.type === 'ready') this.url = message.url;
        else this.role = message.role;
        if (this.role === 'leader') this.#onLeader();
      }
    };
    void listen();
    return child;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

const leaderOf = (nodes: readonly BenchNode[]): BenchNode | undefined =>
  nodes.find(({ role, url }) => role === 'leader' && url !== '');

async function measureSwarm(nodes: readonly BenchNode[]): Promise<readonly LoadRow[]> {
  await until(() => leaderOf(nodes) !== undefined && nodes.every(({ url }) => url !== ''));
  const client = startBenchChild<unknown>(new URL('./client-process.ts', import.meta.url), [
    leaderOf(nodes)?.url ?? '',
  ]);
  await client.next();
  client.send(WARM_UP);
  await client.next();
  const rows: LoadRow[] = [];
  for (const inFlight of LEVELS) {
    client.send({ inFlight, durationMs: LOAD_MS });
    rows.push((await client.next()) as LoadRow);
  }
  await client.kill('SIGKILL');
  return rows;
}

/** Milliseconds from kill -9 of the leader's process to the election of another. */
async function measureFailover(nodes: readonly BenchNode[]): Promise<number> {
  const old = leaderOf(nodes);
  if (old === undefined) throw new Error('nobody leads');
  const others = nodes.filter((node) => node !== old);
  const elected = new Promise<number>((resolve) => {
    for (const node of others) node.onLeader(() => resolve(performance.now()));
  });
  const killedAt = performance.now();
  await old.child.kill('SIGKILL');
  const tookMs = (await elected) - killedAt;
  for (const node of others) node.onLeader(() => undefined);
  old.restart();
  await until(() => old.url !== '');
  // The restarted node takes its place among the followers before the next one is killed.
  await delay(500);
  return tookMs;
}

function printLoads(rows: readonly LoadRow[], limit: readonly LoadRow[]): void {
  console.log(
    '256-byte entries, three nodes       durable commits/s       limit/s   share      p50 ms   limit      p99 ms   limit',
  );
  rows.forEach((row, at) => {
    const best = limit[at];
    if (best === undefined) return;
    const cells = [
      `  ${String(row.inFlight).padStart(4)} in flight`.padEnd(34),
      row.perSecond.toFixed(0).padStart(17),
      best.perSecond.toFixed(0).padStart(14),
      `${((100 * row.perSecond) / best.perSecond).toFixed(0)} %`.padStart(8),
      row.p50Ms.toFixed(2).padStart(12),
      best.p50Ms.toFixed(2).padStart(8),
      row.p99Ms.toFixed(2).padStart(12),
      best.p99Ms.toFixed(2).padStart(8),
    ];
    console.log(cells.join(''));
  });
}

const folder = mkdtempSync(join(process.cwd(), '.bench-'));
try {
  const limit = await measureLimit({ durationMs: LOAD_MS, folder });
  const nodes = IDS.map((id) => new BenchNode(folder, id));
  const rows = await measureSwarm(nodes);
  printLoads(rows, limit);
  const before = nodes.map(({ child }) => cpuMs(child.pid));
  await delay(IDLE_MS);
  nodes.forEach(({ child, role }, at) => {
    const idle = (100 * (cpuMs(child.pid) - (before[at] ?? 0))) / IDLE_MS;
    console.log(
      `${IDS[at]} ${role.padEnd(9)} RSS after the load ${residentMiB(child.pid).toFixed(0)} MiB, idle CPU ${idle.toFixed(1)} %`,
    );
  });
  const failovers: number[] = [];
  for (let run = 0; run < FAILOVERS; run += 1) failovers.push(await measureFailover(nodes));
  console.log(
    `failover after kill -9, ${FAILOVERS} runs: ${failovers.map((ms) => `${ms.toFixed(0)} ms`).join(', ')}`,
  );
  await Promise.all(nodes.map(({ child }) => child.kill('SIGKILL')));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
