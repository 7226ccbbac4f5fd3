// Five machines, one swarm: everything on the wire under mutual TLS, three of five instances vote, and tasks come in all the
// time. One machine is lost for good, and the quorum manager gives its vote to another. Two are cut off, the coordinator's
// among them: they go on leaving notes, the others go on with the tasks. All certificates are replaced meanwhile. In the
// end no task is lost or recorded twice, all notes are everywhere, and all states are equal.
//
//   npx tsx examples/five-machines.ts [FOLDER]       # the folder keeps what the machines wrote; default: a temporary one
//
// The machines are folders and loopback addresses (127.0.0.11 and up: Linux has them all); what is cut is a relay in this
// program. Everything else is as it would be: five processes, the commands of raft-manager, and its client.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { crdt } from 'raft-manager';
import { type Cables, layCables } from './five-machines/cables.ts';
import { Machine, until } from './five-machines/machine.ts';
import { LEDGER, type SteadyWork, startWork } from './five-machines/work.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
type Name = (typeof NAMES)[number];

const began = performance.now();
const tell = (text: string): void => {
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(5)}s  ${text}`);
};

interface World {
  readonly on: Readonly<Record<Name, Machine>>;
  readonly cables: Cables<Name>;
  /** Of each instance, by its machine. */
  readonly ids: Record<Name, string>;
  /** Sees the swarm as machine a does. */
  readonly status: () => ReturnType<Awaited<ReturnType<Machine['connect']>>['status']>;
}

async function tellStory(root: string): Promise<void> {
  const cables = await layCables(NAMES);
  const on = Object.fromEntries(NAMES.map((name) => [name, new Machine(name, root)])) as World['on'];
  try {
    await found(on, cables);
    const client = await on.a.connect();
    const ids = await joinAll(on, cables);
    const world: World = { on, cables, ids, status: () => client.status() };
    const work = await startWork(on.a);
    await letQuorumManagerChoose(world);
    await work.goesOn(5);
    const lost = await loseOneForGood(world);
    await work.goesOn(5);
    const alive = NAMES.filter((name) => name !== lost);
    await cutTwoOff(world, work, alive);
    await work.goesOn(5);
    const taskIds = await work.finish();
    await expectAllIsWell(world, alive, taskIds);
    await client.close();
    await Promise.all([on.a.run('down'), ...alive.map((name) => on[name].stopAgent('SIGINT'))]);
  } finally {
    for (const machine of Object.values(on)) await machine.stopAgent('SIGKILL');
    await on.a.attempt('down');
    cables.close();
  }
}

/** Machine a makes an authority, and a swarm of one. */
async function found({ a }: World['on'], { places }: Cables<Name>): Promise<void> {
  await a.run('security', 'init');
  const { advertised, host, port } = places.a;
  const address = ['--host', host, '--port', String(port), '--advertise', advertised];
  await a.run('up', '--agents', '1', '--lease', '3s', ...address);
  tell(`a has founded a swarm at wss://${advertised}`);
}

/** Each of the others joins with a token that is good once, and with it has its own certificate signed. */
async function joinAll(on: World['on'], { places }: Cables<Name>): Promise<World['ids']> {
  const ids: World['ids'] = { a: 'raft-manager-1', b: '', c: '', d: '', e: '' };
  const others = NAMES.filter((name) => name !== 'a');
  await Promise.all(
    others.map(async (name) => {
      const token = await on.a.run('security', 'token');
      const { advertised, host, port } = places[name];
      const address = ['--listen', `${host}:${port}`, '--advertise', advertised];
      ids[name] = await on[name].startAgent(
        '--join',
        `wss://${places.a.advertised}`,
        '--token',
        token,
        ...address,
      );
    }),
  );
  tell(`b, c, d and e have joined: ${others.map((name) => ids[name]).join(', ')}`);
  return ids;
}

/** One voter bears no loss; three of five do, and the other two stand ready. */
async function letQuorumManagerChoose({ on, status }: World): Promise<void> {
  const pace = ['--replace-after', '2s', '--cool-down', '1s', '--stable', '1s'];
  await on.a.run('quorum', 'auto', 'on', '--voters', '3', ...pace);
  const voters = await until('three voters', async () => {
    const now = votersOf(await status());
    return now.length === 3 && now;
  });
  tell(`the quorum manager has made them three voters: ${voters.join(', ')}`);
}

/** The power of a voter's machine goes, and its disk with it. */
async function loseOneForGood({ on, ids, status }: World): Promise<Name> {
  const voters = votersOf(await status());
  const lost = NAMES.find((name) => name !== 'a' && voters.includes(ids[name])) ?? 'b';
  await on[lost].stopAgent('SIGKILL');
  tell(`${ids[lost]} is killed for good`);
  const now = await until('another to vote in its place', async () => {
    const voting = votersOf(await status());
    return voting.length === 3 && !voting.includes(ids[lost]) && voting;
  });
  tell(`its vote went to another: ${now.join(', ')}`);
  await on.a.run('security', 'revoke', ids[lost], '--why', 'the machine is lost');
  tell(`its certificate is revoked, and it is no member any more`);
  return lost;
}

/** The coordinator's machine and one more are cut off, without a word, while the certificates are being replaced. */
async function cutTwoOff(
  { cables, ids, on, status }: World,
  work: SteadyWork,
  alive: readonly Name[],
): Promise<void> {
  const voters = votersOf(await status());
  const [leader = 'c'] = alive.filter((name) => name !== 'a' && voters.includes(ids[name]));
  const [learner = 'e'] = alive.filter((name) => !voters.includes(ids[name]));
  await on.a.run('transfer', ids[leader]);
  const island = [leader, learner];
  const mainland = alive.filter((name) => !island.includes(name));
  cables.cutOff(island, 'silent');
  tell(`${ids[leader]}, which coordinates, and ${ids[learner]} are cut off`);
  const rotation = on.a.run('security', 'rotate', '--timeout', '60s');
  const { coordinator, term } = await until('another coordinator', async () => {
    const now = await status();
    return now.quorum && now.coordinator !== ids[leader] && now;
  });
  tell(`${coordinator} coordinates in term ${term}, and makes a new authority known`);
  await Promise.all(alive.map((name) => on[name].run('crdt', 'note', `${name} was here`, '--as', name)));
  const refused = await on[leader].attempt('task', 'add', 'nowhere', '--run', 'true', '--timeout', '1s');
  tell(`all have left notes, each on its side; the two can decide nothing (exit code ${refused.exitCode})`);
  const before = work.done;
  await work.goesOn(10);
  tell(`${work.done - before} more tasks are done by ${mainland.join(' and ')}`);
  const clients = await Promise.all(alive.map((name) => on[name].connect()));
  cables.heal();
  const healed = performance.now();
  await until('all notes on every machine', async () => {
    const boards = await Promise.all(clients.map((client) => crdt(client).blackboard()));
    return boards.every(({ notes }) => notes.length === alive.length);
  });
  await Promise.all(clients.map((client) => client.close()));
  tell(
    `the cables are whole; every machine has the notes of all, ${Math.round(performance.now() - healed)} ms later`,
  );
  const [, signs] = /^authority (\w{12})/m.exec(await rotation) ?? [];
  tell(`all certificates are new: authority ${signs}… signs, and the key of the one before is gone`);
}

interface Verdicts {
  readonly nodes: readonly { readonly id: string; readonly verdict: string }[];
}

async function expectAllIsWell(
  { on, status }: World,
  alive: readonly Name[],
  taskIds: readonly string[],
): Promise<void> {
  const { nodes } = JSON.parse(await on.a.run('verify', '--full', '--json', '--timeout', '30s')) as Verdicts;
  const equal = nodes.filter(({ verdict }) => verdict === 'equal').length;
  if (equal !== alive.length) throw new Error(`the states differ: ${JSON.stringify(nodes)}`);
  const { coordinator, term } = await status();
  tell(`the states of all ${equal} are equal; ${coordinator} coordinates in term ${term}`);
  const client = await on.a.connect();
  const tasks = await client.tasks();
  await client.close();
  const done = new Map(tasks.map(({ fence, id, state }) => [id, { fence, state }]));
  const lines = NAMES.flatMap((name) => ledgerOf(on[name]));
  const recorded = lines.filter(({ id, fence }) => done.get(id)?.fence === fence);
  const isRight = taskIds.every((id) => recorded.filter((line) => line.id === id).length === 1);
  const lost = taskIds.filter((id) => done.get(id)?.state !== 'completed');
  if (!isRight || lost.length > 0) throw new Error(`the log and the files differ: ${lost}`);
  const again = lines.length - recorded.length;
  tell(
    `${taskIds.length} tasks: none lost, none recorded twice; attempts that came too late to count: ${again}`,
  );
}

function votersOf({ nodes }: Awaited<ReturnType<World['status']>>): readonly string[] {
  return nodes.flatMap(({ id, voter }) => (voter ? [id] : [])).sort();
}

/** What the tasks wrote on a machine: which they were, and under which fence they ran. */
function ledgerOf(machine: Machine): readonly { readonly id: string; readonly fence: number }[] {
  let text: string;
  try {
    text = readFileSync(join(machine.folder, LEDGER), 'utf8');
  } catch {
    // It was given nothing to do.
    return [];
  }
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([id = '', fence = '']) => ({ id, fence: Number(fence) }));
}

const [, , folder] = process.argv;
const place = folder === undefined ? mkdtempSync(join(tmpdir(), 'raft-manager-five-')) : resolve(folder);
mkdirSync(place, { recursive: true });
try {
  await tellStory(place);
} finally {
  if (folder === undefined) rmSync(place, { recursive: true, force: true });
}
