import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cut, layCables } from '../examples/five-machines/cables.ts';
import { Machine, until } from '../examples/five-machines/machine.ts';
import { type CrdtClient, crdt } from '../src/siblings/crdt-synchronizer/crdt-client.ts';
import { SwarmClient } from '../src/swarm/client.ts';
import { findSwarmOrJoined } from '../src/swarm/discovery.ts';
import { locateProject } from '../src/swarm/layout.ts';

/**
 * `npm run bench:heal`: five processes are cut in two, both sides write, and the cables are made whole: how long until all
 * five hold the same documents, and how long until one that was cut off reads the log again.
 */

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
const ISLAND = ['d', 'e'] as const;
const CUTS = Number(process.env.CUTS ?? 16);
/** So that every cut ends at another moment of whatever goes on in the processes. */
const CUT_MS = { least: 2_000, spread: 2_000 };
const LOOK_AGAIN_MS = 5;

const root = mkdtempSync(join(tmpdir(), 'raft-manager-bench-heal-'));
const cables = await layCables(NAMES);
const machines = NAMES.map((name) => new Machine(name, root));
const [first, ...others] = machines as [Machine, ...Machine[]];

interface Seat {
  readonly name: string;
  readonly documents: CrdtClient;
  readonly log: SwarmClient;
  close(): Promise<unknown>;
}

/** Under mutual TLS, as machines are that are not one. */
async function found(): Promise<void> {
  const { host, port, advertised } = cables.places.a;
  await first.run('security', 'init');
  await first.run('up', '--agents', '1', '--host', host, '--port', String(port), '--advertise', advertised);
  for (const machine of others) {
    const place = cables.places[machine.name as (typeof NAMES)[number]];
    const address = ['--listen', `${place.host}:${place.port}`, '--advertise', place.advertised];
    const token = await first.run('security', 'token');
    await machine.startAgent('--join', `wss://${advertised}`, '--token', token, '--voter', ...address);
  }
}

/** A link to the instance of that machine, which stays open: whoever asks is on no side of a cut. */
function sit(machine: Machine): Seat {
  const folder = findSwarmOrJoined(locateProject(machine.state, {}, machine.folder));
  const [client, log] = ['documents', 'log'].map(
    (what) => new SwarmClient({ folder, name: `bench-${what}-${machine.name}`, version: 'bench' }),
  ) as [SwarmClient, SwarmClient];
  const close = () => Promise.all([client.close(), log.close()]);
  return { name: machine.name, documents: crdt(client), log, close };
}

async function areEqual(seats: readonly Seat[]): Promise<boolean> {
  const lists = await Promise.all(seats.map(({ documents }) => documents.list()));
  return (
    new Set(lists.map((list) => JSON.stringify(list.map(({ name, version }) => [name, version])))).size === 1
  );
}

/** What they do all the time on both sides. */
async function writeEverywhere(seats: readonly Seat[], round: number): Promise<void> {
  for (const { documents, name } of seats) {
    await documents.increment('hits');
    await documents.add('seen', `${name}-${round}`);
    await documents.note(`round ${round}`, name);
  }
}

/** From the moment at which the cables are whole, in milliseconds. */
async function measure(seats: readonly Seat[], how: Cut, round: number) {
  await until('all to be equal', () => areEqual(seats));
  cables.cutOff(ISLAND, how);
  await writeEverywhere(seats, round);
  await delay(CUT_MS.least + Math.random() * CUT_MS.spread);
  if (await areEqual(seats)) throw new Error('they are equal though they are apart');
  cables.heal();
  const healed = performance.now();
  const islander = seats.find(({ name }) => name === ISLAND[0]);
  const read = islander?.log
    .query({ kind: 'records', namespace: 'bench' }, { timeoutMs: 30_000 })
    .then(() => performance.now() - healed);
  while (!(await areEqual(seats))) await delay(LOOK_AGAIN_MS);
  const equal = performance.now() - healed;
  return { equal, read: (await read) ?? Number.NaN };
}

function row(what: string, times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): string =>
    `${Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)} ms`;
  return `| ${what} | ${at(0.5)} | ${at(1)} | ${times.map(Math.round).join(' ')} |`;
}

try {
  await found();
  const seats = machines.map(sit);
  await seats[0]?.documents.increment('hits');
  console.log('| | median | worst | each |');
  console.log('|---|---|---|---|');
  for (const how of ['closed', 'silent'] as const satisfies readonly Cut[]) {
    const times: Awaited<ReturnType<typeof measure>>[] = [];
    for (let round = 0; round < CUTS / 2; round += 1) times.push(await measure(seats, how, round));
    console.log(
      row(
        `documents equal everywhere, cables ${how}`,
        times.map(({ equal }) => equal),
      ),
    );
    console.log(
      row(
        `log read by one that was cut off, cables ${how}`,
        times.map(({ read }) => read),
      ),
    );
  }
  await Promise.all(seats.map((seat) => seat.close()));
} finally {
  for (const machine of others) await machine.stopAgent('SIGKILL');
  await first.attempt('down');
  cables.close();
  rmSync(root, { recursive: true, force: true });
}
// Node 20 may turn for ever in its clean-up behind a TLS socket that a relay held.
process.exit();
