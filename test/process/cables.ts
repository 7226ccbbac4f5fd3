import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * How a cable is cut. `closed`: both ends notice at once, and nobody can dial through it. `silent`: nothing arrives any
 * more and nobody is told, as when a switch loses its power; what was under way arrives when it is healed.
 */
export type Cut = 'closed' | 'silent';

/** One machine of a network that can be taken apart. */
interface Machine {
  readonly name: string;
  /** What an instance on it listens on, and dials from: by that it is known to the cables. */
  readonly host: string;
  readonly port: number;
  /** Under what the others reach it. */
  readonly advertised: string;
}

export interface Cables<Name extends string> {
  readonly machines: Readonly<Record<Name, Machine>>;
  /** Cuts every cable between one of `island` and one of the others. */
  cutOff(island: readonly Name[], how: Cut): void;
  /** All cables are whole again. */
  heal(): void;
}

/** One connection on its way through a cable. */
interface Passage {
  readonly from: string | undefined;
  readonly to: string;
  readonly near: Socket;
  readonly far: Socket;
}

/**
 * Machines on loopback for the current test, each with an address of its own, and between each two of them a cable.
 * Whoever dials from no machine, as a test does, gets through always.
 */
export async function layCables<Name extends string>(names: readonly Name[]): Promise<Cables<Name>> {
  const hosts = new Map(names.map((name, at) => [`127.0.0.${11 + at}`, name]));
  const passages = new Set<Passage>();
  const servers: Server[] = [];
  let cut: { readonly how: Cut; readonly island: readonly string[] } | undefined;

  const isCut = ({ from, to }: Pick<Passage, 'from' | 'to'>): boolean =>
    cut !== undefined && from !== undefined && cut.island.includes(from) !== cut.island.includes(to);

  const pass = (near: Socket, machine: Machine): void => {
    const ends = { from: hosts.get(near.remoteAddress ?? ''), to: machine.name };
    if (cut?.how === 'closed' && isCut(ends)) return void near.resetAndDestroy();
    const far = connect({ port: machine.port, host: machine.host });
    const passage = { ...ends, near, far };
    passages.add(passage);
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      end.setNoDelay();
      end.on('error', () => other.destroy());
      end.on('close', () => {
        other.destroy();
        passages.delete(passage);
      });
    }
    if (!isCut(passage)) flow(passage);
  };

  const machines = new Map<Name, Machine>();
  for (const [host, name] of hosts) {
    const server = createServer();
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // The same port at another address: free as well, and known before anybody listens there.
    const { port } = server.address() as AddressInfo;
    const machine = { name, host, port, advertised: `127.0.0.1:${port}` };
    server.on('connection', (near) => pass(near, machine));
    machines.set(name, machine);
  }
  onTestFinished(() => {
    for (const server of servers) server.close();
    for (const { near } of passages) near.destroy();
  });

  return {
    machines: Object.fromEntries(machines) as Record<Name, Machine>,
    cutOff(island, how) {
      cut = { how, island };
      for (const passage of passages) {
        if (!isCut(passage)) continue;
        if (how === 'silent') dam(passage);
        else for (const end of [passage.near, passage.far]) end.resetAndDestroy();
      }
    },
    heal() {
      const held = [...passages].filter(isCut);
      cut = undefined;
      for (const passage of held) flow(passage);
    },
  };
}

function flow({ near, far }: Passage): void {
  near.pipe(far).pipe(near);
}

function dam({ near, far }: Passage): void {
  near.unpipe(far).pause();
  far.unpipe(near).pause();
}
