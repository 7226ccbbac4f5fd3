import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * How a cable is cut. `closed`: both ends notice at once, and nobody can dial through it. `silent`: nothing arrives any
 * more and nobody is told, as when a switch loses its power; what was under way arrives when it is healed.
 */
export type Cut = 'closed' | 'silent';

/** One machine of a network that can be taken apart. */
interface Place {
  /** What an instance on it listens on, and dials from: by that it is known to the cables. */
  readonly host: string;
  readonly port: number;
  /** Under what the others reach it. */
  readonly advertised: string;
}

export interface Cables<Name extends string> {
  readonly places: Readonly<Record<Name, Place>>;
  /** Cuts every cable between one of `island` and one of the others. */
  cutOff(island: readonly Name[], how: Cut): void;
  /** All cables are whole again. */
  heal(): void;
  close(): void;
}

/** One connection on its way through a cable. */
interface Passage {
  readonly from: string | undefined;
  readonly to: string;
  readonly near: Socket;
  readonly far: Socket;
}

/**
 * Machines on loopback, each with an address of its own, and a cable between each two of them. Whoever dials from none of
 * these addresses gets through always.
 */
export async function layCables<Name extends string>(names: readonly Name[]): Promise<Cables<Name>> {
  const hosts = new Map(names.map((name, at) => [`127.0.0.${11 + at}`, name]));
  const passages = new Set<Passage>();
  const servers: Server[] = [];
  let cut: { readonly how: Cut; readonly island: readonly string[] } | undefined;

  const isCut = ({ from, to }: Pick<Passage, 'from' | 'to'>): boolean =>
    cut !== undefined && from !== undefined && cut.island.includes(from) !== cut.island.includes(to);

  const pass = (near: Socket, to: Name, place: Place): void => {
    const ends = { from: hosts.get(near.remoteAddress ?? ''), to };
    if (cut?.how === 'closed' && isCut(ends)) return void near.resetAndDestroy();
    const passage = { ...ends, near, far: connect({ host: place.host, port: place.port }) };
    passages.add(passage);
    tie(passage, () => passages.delete(passage));
    if (!isCut(passage)) flow(passage);
  };

  const places = new Map<Name, Place>();
  for (const [host, name] of hosts) {
    const server = createServer();
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // The same port at another address: free as well, and known before anybody listens there.
    const { port } = server.address() as AddressInfo;
    const place = { host, port, advertised: `127.0.0.1:${port}` };
    server.on('connection', (near) => pass(near, name, place));
    places.set(name, place);
  }

  return {
    places: Object.fromEntries(places) as Record<Name, Place>,
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
    close() {
      for (const server of servers) server.close();
      for (const { near } of passages) near.destroy();
    },
  };
}

/** Neither end outlives the other. */
function tie({ near, far }: Passage, onEnd: () => void): void {
  for (const [end, other] of [
    [near, far],
    [far, near],
  ] as const) {
    end.setNoDelay();
    end.on('error', () => other.destroy());
    end.on('close', () => {
      other.destroy();
      onEnd();
    });
  }
}

function flow({ near, far }: Passage): void {
  near.pipe(far).pipe(near);
}

function dam({ near, far }: Passage): void {
  near.unpipe(far).pause();
  far.unpipe(near).pause();
}
