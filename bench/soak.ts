import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { residentMiB } from './children.ts';
import { Load, type Stretch } from './soak/load.ts';
import { plot } from './soak/plot.ts';
import { Service } from './soak/service.ts';

/**
 * `npm run bench:soak`: a million task commands through a swarm of three processes as `up` starts them. Memory must be
 * flat after the warm-up, the disk bounded by compaction, and a restart after kill -9 of everything must serve within
 * three seconds. It prints a table and writes a plot; the exit code is 1 when a promise was not kept.
 *
 * `--commands N` for fewer, `--plot FILE` for where the plot goes.
 */

const { values } = parseArgs({
  options: { commands: { type: 'string' }, plot: { type: 'string' } },
});
const COMMANDS = Number(values.commands ?? 1_000_000);
const PLOT = values.plot ?? 'bench/results/soak.svg';
const MIB = 1024 * 1024;
const SAMPLE_MS = 5_000;
/** The part after which memory is warm: compilers, caches, history and the first snapshots are in it. */
const WARM_SHARE = 0.3;
/** Between the second third and the last one. */
const MOST_GROWTH = 1.15;
const MOST_RESTART_MS = 3_000;
const RESTARTS = 5;
const YARDSTICK_MS = 500;
const TABLE_ROWS = 20;

interface Sample extends Stretch {
  readonly seconds: number;
  readonly acknowledged: number;
  readonly perSecond: number;
  readonly rssMiB: readonly number[];
  readonly diskMiB: number;
}

function look(service: Service, load: Load, began: number, before: Sample | undefined): Sample {
  const seconds = (performance.now() - began) / 1000;
  const stretch = load.takeStretch();
  return {
    ...stretch,
    seconds,
    acknowledged: load.acknowledged,
    perSecond: stretch.commands / (seconds - (before?.seconds ?? 0)),
    rssMiB: service.nodes.map(residentMiB),
    diskMiB: service.diskBytes() / MIB,
  };
}

async function soak(service: Service): Promise<readonly Sample[]> {
  const clients = service.ids.map((id) => service.client(id));
  const load = new Load(clients, COMMANDS);
  const samples: Sample[] = [];
  const began = performance.now();
  const sample = (): void => void samples.push(look(service, load, began, samples.at(-1)));
  const timer = setInterval(sample, SAMPLE_MS);
  await load.run();
  clearInterval(timer);
  sample();
  await Promise.all(clients.map((client) => client.close()));
  return samples;
}

/** Of a core, what a busy loop gets just now: on a machine that others use, all times are longer by that. */
function shareOfCore(): number {
  const began = performance.now();
  const before = process.cpuUsage();
  while (performance.now() - began < YARDSTICK_MS) Math.sqrt(began);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / (performance.now() - began);
}

interface Restart {
  readonly tookMs: number;
  readonly cpuMs: number;
}

/** From "up", with nothing left of the processes before, to the first write that is committed. */
async function measureRestart(service: Service): Promise<Restart> {
  await service.killAll();
  const began = performance.now();
  const up = service.up();
  const client = service.client();
  await client.execute({ kind: 'resume' }, { timeoutMs: 60_000 });
  const restart = { tookMs: performance.now() - began, cpuMs: service.cpuMs() };
  await client.close();
  await up;
  return restart;
}

function printTable(samples: readonly Sample[]): void {
  console.log(
    '  commands   seconds  commands/s   p50 ms   p99 ms   max ms   RSS of the nodes, MiB   disk MiB',
  );
  const every = Math.max(1, Math.ceil(samples.length / TABLE_ROWS));
  samples.forEach((row, at) => {
    if (at % every !== 0 && at !== samples.length - 1) return;
    const cells = [
      String(row.acknowledged).padStart(10),
      row.seconds.toFixed(0).padStart(10),
      row.perSecond.toFixed(0).padStart(12),
      row.p50Ms.toFixed(1).padStart(9),
      row.p99Ms.toFixed(1).padStart(9),
      row.maxMs.toFixed(0).padStart(9),
      row.rssMiB
        .map((mib) => mib.toFixed(0).padStart(7))
        .join('')
        .padStart(24),
      row.diskMiB.toFixed(0).padStart(11),
    ];
    console.log(cells.join(''));
  });
}

function draw(samples: readonly Sample[]): string {
  const nodes = samples[0]?.rssMiB.length ?? 0;
  const rss = Array.from({ length: nodes }, (_, at) => {
    return { name: `node ${at + 1}`, values: samples.map(({ rssMiB }) => rssMiB[at] ?? 0) };
  });
  const of = (name: string, value: (sample: Sample) => number) => ({ name, values: samples.map(value) });
  return plot(
    `${COMMANDS.toLocaleString('en')} task commands through three nodes`,
    { label: 'commands acknowledged', values: samples.map(({ acknowledged }) => acknowledged) },
    [
      { title: 'Resident memory', unit: 'MiB', series: rss },
      {
        title: 'Disk of all nodes',
        unit: 'MiB',
        series: [of('logs and snapshots', ({ diskMiB }) => diskMiB)],
      },
      {
        title: 'Latency',
        unit: 'ms',
        series: [of('p50', (row) => row.p50Ms), of('p99', (row) => row.p99Ms)],
      },
      { title: 'Throughput', unit: 'commands/s', series: [of('acknowledged', (row) => row.perSecond)] },
    ],
  );
}

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);

/** How much larger a value is in the last part of the run than in the part after the warm-up. */
function growth(samples: readonly Sample[], value: (sample: Sample) => number): number {
  const warm = samples.slice(Math.floor(samples.length * WARM_SHARE));
  const half = Math.floor(warm.length / 2);
  return mean(warm.slice(half).map(value)) / mean(warm.slice(0, half).map(value));
}

function judge(samples: readonly Sample[], restarts: readonly Restart[]): boolean {
  const sorted = restarts.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
  const restartMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const listed = (of: (restart: Restart) => number): string =>
    restarts.map((restart) => of(restart).toFixed(0)).join(', ');
  const memory = growth(samples, ({ rssMiB }) => mean(rssMiB));
  const disk = growth(samples, ({ diskMiB }) => diskMiB);
  const peak = Math.max(...samples.map(({ diskMiB }) => diskMiB));
  const last = samples.at(-1);
  const checks = [
    {
      what: `memory of the second half of the warm run over that of the first: ${memory.toFixed(2)}`,
      ok: memory <= MOST_GROWTH,
    },
    {
      what: `the same of the disk: ${disk.toFixed(2)}, at most ${peak.toFixed(0)} MiB`,
      ok: disk <= MOST_GROWTH,
    },
    {
      what: `kill -9 of everything to the first committed write: ${listed(({ tookMs }) => tookMs)} ms`,
      ok: restartMs <= MOST_RESTART_MS,
    },
  ];
  console.log(`${last?.acknowledged} commands in ${last?.seconds.toFixed(0)} s`);
  console.log(`of processor time, in all processes of the swarm: ${listed(({ cpuMs }) => cpuMs)} ms`);
  for (const { what, ok } of checks) console.log(`${ok ? 'ok ' : 'NOT'} ${what}`);
  return checks.every(({ ok }) => ok);
}

const root = mkdtempSync(join(process.cwd(), '.bench-'));
const swarm = new Service(root);
try {
  await swarm.up('--agents', '3');
  const samples = await soak(swarm);
  const restarts: Restart[] = [];
  const share = shareOfCore();
  for (let run = 0; run < RESTARTS; run += 1) restarts.push(await measureRestart(swarm));
  await swarm.down();
  printTable(samples);
  mkdirSync(dirname(PLOT), { recursive: true });
  writeFileSync(PLOT, draw(samples));
  console.log(`plot: ${PLOT}`);
  console.log(`before the restarts a busy loop got ${(100 * share).toFixed(0)} % of a core`);
  process.exitCode = judge(samples, restarts) ? 0 : 1;
} finally {
  await swarm.killAll();
  rmSync(root, { recursive: true, force: true });
}
