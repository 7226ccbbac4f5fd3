import { join } from 'node:path';
import { type Census, takeCensus } from '../../src/swarm/census.ts';
import { SwarmClient } from '../../src/swarm/client.ts';
import { findSwarmOrJoined } from '../../src/swarm/discovery.ts';
import { locateProject, type SwarmFolder, swarmFolder } from '../../src/swarm/layout.ts';
import { type Cables, layCables } from './cables.ts';
import { type Command, type Ended, eventually, type Project, ROOT } from './harness.ts';

/** A node beyond a cut that says nothing answers nobody. */
const CENSUS_TIMEOUT_MS = 1_000;
const VERSION = 'test';
const AGENT_FILE = join(ROOT, 'agents/raft-manager.md');

/** A machine of a test with what runs on it: it has nothing in common with the others but the cables. */
export interface Station {
  readonly name: string;
  /** Its state folder. */
  readonly dir: string;
  /** The process of its instance, unless that is supervised. */
  readonly agent: Command | undefined;
  /** Runs `raft-manager ARGS` there, to its end. */
  run(...args: readonly string[]): Promise<Ended>;
  /** Who is there and who leads, as whoever asks on that machine sees it. */
  census(): Promise<Census>;
  /** Lets `work` talk to the swarm as a command on that machine does. */
  with<T>(work: (client: SwarmClient) => Promise<T>): Promise<T>;
}

export interface Stations<Name extends string> {
  readonly cables: Cables<Name>;
  readonly on: Readonly<Record<Name, Station>>;
  /** On which machine a member is. */
  nameOf(memberId: string): Name;
}

interface Founding<Name extends string> {
  readonly names: readonly [Name, ...(readonly Name[])];
  /** More options of `up` on the first machine, and of `agent` on the others. */
  readonly up?: readonly string[];
  readonly agent?: readonly string[];
}

/**
 * One swarm on several machines: `up` with one instance on the first, `agent --join` on each of the others. All vote
 * when it resolves.
 */
export async function foundStations<Name extends string>(
  project: Project,
  { names, up = [], agent = [] }: Founding<Name>,
): Promise<Stations<Name>> {
  const cables = await layCables(names);
  const [first] = names;
  const stationOf = (name: Name, process?: Command): Station => {
    const dir = join(project.folder, name);
    const run: Station['run'] = (...args) => project.run([...args, '--dir', dir]);
    const folder = (): SwarmFolder => findSwarmOrJoined(locateProject(dir, {}, dir));
    return {
      name,
      dir,
      agent: process,
      run,
      census: () => takeCensus(folder(), VERSION, CENSUS_TIMEOUT_MS),
      async with(work) {
        const client = new SwarmClient({ folder: folder(), name: `test-${name}`, version: VERSION });
        try {
          return await work(client);
        } finally {
          await client.close();
        }
      },
    };
  };
  const founder = stationOf(first);
  const { host, port, advertised } = cables.places[first];
  const address = ['--host', host, '--port', String(port), '--advertise', advertised];
  const { exitCode, stderr } = await founder.run('up', '--agents', '1', ...address, ...up);
  if (exitCode !== 0) throw new Error(`up: exit code ${exitCode}, ${stderr}`);
  const join1 = [
    '--join',
    `ws://${advertised}`,
    '--token-file',
    swarmFolder(join(founder.dir, 'swarm')).token,
  ];
  const entries = names.map((name): [Name, Station] => {
    if (name === first) return [name, founder];
    const machine = cables.places[name];
    const listen = ['--listen', `${machine.host}:${machine.port}`, '--advertise', machine.advertised];
    const dir = ['--dir', join(project.folder, name), '--name', name];
    const command = project.start(['agent', AGENT_FILE, ...join1, ...listen, ...dir, '--voter', ...agent]);
    return [name, stationOf(name, command)];
  });
  await eventually('all to vote', async () => {
    const { nodes, quorum } = await founder.census();
    return quorum && nodes.filter(({ voter }) => voter).length === names.length;
  });
  return {
    cables,
    on: Object.fromEntries(entries) as Record<Name, Station>,
    nameOf: (memberId) => names.find((name) => memberId.startsWith(`${name}.`)) ?? first,
  };
}
