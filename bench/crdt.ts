import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NodeId } from '../src/protocol/ids.ts';
import { type CrdtClient, crdt } from '../src/siblings/crdt-synchronizer/crdt-client.ts';
import type { Operation } from '../src/siblings/crdt-synchronizer/operation.ts';
import { SwarmClient } from '../src/swarm/client.ts';
import { findEndpoint } from '../src/swarm/endpoint.ts';
import { type SwarmFolder, swarmFolder } from '../src/swarm/layout.ts';
import { residentMiB } from './children.ts';

/**
 * `npm run bench:crdt`: 100,000 operations at five instances at once, to the moment at which all are equal; then one
 * operation alone, and what each costs in bytes and memory.
 */

const INSTANCES = 5;
const OPERATIONS = Number(process.env.OPERATIONS ?? 100_000);
/** One request, and requests under way at each instance. */
const BATCH = 100;
const IN_FLIGHT = 4;
const SINGLES = 200;

interface Kind {
  readonly name: string;
  of(instance: number, number: number): Operation;
}

const KINDS: readonly Kind[] = [
  { name: 'counter', of: () => ({ op: 'inc', path: 'hits', by: 1 }) },
  {
    name: 'register',
    of: (instance, number) => ({ op: 'set', path: 'owner', value: `${instance}-${number}` }),
  },
  {
    name: 'set, 500 elements',
    of: (instance, number) => ({ op: 'add', path: 'seen', value: `${instance}-${number % 100}` }),
  },
  { name: 'text', of: () => ({ op: 'insert', path: 'text', values: 'x' }) },
];

const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'raft-manager-bench-crdt-'));
const run = (...args: readonly string[]): string =>
  execFileSync(process.execPath, [MAIN, ...args, '--dir', dir], { encoding: 'utf8' });

interface Instance {
  readonly id: NodeId;
  readonly pid: number;
  readonly client: SwarmClient;
  readonly documents: CrdtClient;
}

function instancesIn(folder: SwarmFolder): readonly Instance[] {
  return readdirSync(join(folder.root, 'nodes')).map((name) => {
    const id = name as NodeId;
    const client = new SwarmClient({ folder, name: 'bench', version: 'bench', only: id });
    return { id, pid: findEndpoint(folder, id)?.pid ?? 0, client, documents: crdt(client) };
  });
}

async function write(kind: Kind, { documents }: Instance, index: number, operations: number): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < operations) {
      const first = next;
      next += BATCH;
      await documents.mutate(Array.from({ length: BATCH }, (_, at) => kind.of(index, first + at)));
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

async function areEqual(instances: readonly Instance[]): Promise<boolean> {
  const lists = await Promise.all(instances.map(({ documents }) => documents.list()));
  const versions = lists.map((list) => JSON.stringify(list.map(({ name, version }) => [name, version])));
  return new Set(versions).size === 1;
}

async function converged(instances: readonly Instance[]): Promise<void> {
  while (!(await areEqual(instances))) await delay(5);
}

/** Everything that went over loopback: requests, gossip, and what the log says meanwhile. */
function loopbackBytes(): number {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((one) => one.trim().startsWith('lo:'));
  return Number(line?.trim().split(/\s+/)[9] ?? 0);
}

function diskBytes(folder: SwarmFolder, id: NodeId): number {
  const place = folder.documents(id);
  return readdirSync(place).reduce((sum, name) => sum + statSync(join(place, name)).size, 0);
}

const memory = (instances: readonly Instance[]): string =>
  `${Math.max(...instances.map(({ pid }) => residentMiB(pid))).toFixed(0)} MiB`;

async function measure(kind: Kind, instances: readonly Instance[], folder: SwarmFolder): Promise<string> {
  const [bytes, disk] = [loopbackBytes(), diskBytes(folder, instances[0]?.id as NodeId)];
  const began = performance.now();
  await Promise.all(instances.map((one, index) => write(kind, one, index, OPERATIONS / INSTANCES)));
  const written = performance.now();
  await converged(instances);
  const equal = performance.now();
  const perOperation = (sum: number): string => (sum / OPERATIONS).toFixed(1);
  const wire = perOperation(loopbackBytes() - bytes);
  const kept = perOperation(Math.max(0, diskBytes(folder, instances[0]?.id as NodeId) - disk));
  const rate = Math.round(OPERATIONS / ((equal - began) / 1_000));
  const name = kind.of(0, 0).path;
  const documents = await instances[0]?.documents.list();
  const document = documents?.find((one) => one.name === name)?.bytes ?? 0;
  return `| ${kind.name} | ${((equal - began) / 1_000).toFixed(1)} s | ${Math.round(equal - written)} ms | ${rate} | ${wire} | ${kept} | ${document} | ${memory(instances)} |`;
}

/** From the call at one instance until another one has it. */
async function single(instances: readonly Instance[]): Promise<string> {
  const [one, ...others] = instances;
  const times: number[] = [];
  for (let number = 0; number < SINGLES; number += 1) {
    const began = performance.now();
    const changed = await one?.documents.increment('single');
    const version = changed?.versions.single;
    await Promise.all(
      others.map(async ({ documents }) => {
        for await (const reading of documents.watch('single')) if (reading?.version === version) return;
      }),
    );
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(0);
  return `one operation, durable at its instance and known to the four others: median ${at(0.5)} ms, 99 of 100 within ${at(0.99)} ms`;
}

try {
  run('up', '--agents', String(INSTANCES));
  const folder = swarmFolder(join(dir, 'swarm'));
  const instances = instancesIn(folder);
  await instances[0]?.documents.increment('warm-up');
  await converged(instances);
  console.log(
    `${OPERATIONS} operations at ${INSTANCES} instances, ${BATCH} a request; memory before: ${memory(instances)}`,
  );
  console.log(
    '| type | all | after the last answer | per second | bytes on the wire | bytes on one disk | document | memory |',
  );
  console.log('|---|---|---|---|---|---|---|---|');
  for (const kind of KINDS) console.log(await measure(kind, instances, folder));
  console.log(await single(instances));
  await Promise.all(instances.map(({ client }) => client.close()));
} finally {
  run('down');
  rmSync(dir, { recursive: true, force: true });
}
