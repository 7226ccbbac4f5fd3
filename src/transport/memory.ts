import type { NodeId } from '../protocol/ids.ts';
import { invariant } from '../protocol/invariant.ts';
import type { Transport, TransportListener } from './port.ts';

/** Links inside one process: perfect, in order, until a test cuts them. */
export interface MemoryHub {
  /** A new life of node `id`; the one before must be closed. */
  join(id: NodeId): Transport;
  /** Closes the link of the two and keeps it closed. What is under way is lost. */
  cut(left: NodeId, right: NodeId): void;
  mend(left: NodeId, right: NodeId): void;
}

interface Member {
  readonly id: NodeId;
  listener: TransportListener | undefined;
  peers: ReadonlySet<NodeId>;
}

/** One opening of a link; frames of an earlier one are not delivered into it. */
interface Link {
  isOpen: boolean;
}

/** `defer` must call back later and in order: it is the wire. */
export function createMemoryHub(defer: (callback: () => void) => void): MemoryHub {
  const members = new Map<NodeId, Member>();
  const links = new Map<string, Link>();
  const cuts = new Set<string>();

  const wants = (id: NodeId, peer: NodeId): boolean => members.get(id)?.peers.has(peer) === true;
  const isConnected = (left: NodeId, right: NodeId): boolean => {
    if (cuts.has(linkName(left, right))) return false;
    // Whoever is not expected must ask to be let in.
    if (wants(left, right) && !wants(right, left)) members.get(right)?.listener?.onStranger?.(left);
    if (wants(right, left) && !wants(left, right)) members.get(left)?.listener?.onStranger?.(right);
    return wants(left, right) && wants(right, left);
  };
  const tell = (id: NodeId, say: (listener: TransportListener) => void): void => {
    const member = members.get(id);
    defer(() => {
      if (member?.listener !== undefined) say(member.listener);
    });
  };
  const refresh = (left: NodeId, right: NodeId): void => {
    const name = linkName(left, right);
    const link = links.get(name);
    const connected = isConnected(left, right);
    if (connected === (link !== undefined)) return;
    if (link === undefined) {
      links.set(name, { isOpen: true });
      tell(left, (listener) => listener.onLinkOpened(right));
      tell(right, (listener) => listener.onLinkOpened(left));
    } else {
      links.delete(name);
      link.isOpen = false;
      tell(left, (listener) => listener.onLinkClosed(right));
      tell(right, (listener) => listener.onLinkClosed(left));
    }
  };
  const setPeers = (member: Member, peers: readonly NodeId[]): void => {
    const touched = new Set([...member.peers, ...peers]);
    member.peers = new Set(peers.filter((peer) => peer !== member.id));
    for (const peer of touched) refresh(member.id, peer);
  };

  return {
    join(id) {
      invariant(!members.has(id), `${id} is in the hub already; close its transport first`);
      const member: Member = { id, listener: undefined, peers: new Set() };
      members.set(id, member);
      return {
        start(listener) {
          invariant(member.listener === undefined, 'a transport is started once');
          member.listener = listener;
        },
        setPeers: (peers) => setPeers(member, peers),
        send(to, messages) {
          const link = links.get(linkName(id, to));
          if (link === undefined) return;
          const receiver = members.get(to);
          defer(() => {
            if (link.isOpen) receiver?.listener?.onMessages(id, messages);
          });
        },
        async close() {
          if (members.get(id) !== member) return;
          member.listener = undefined;
          setPeers(member, []);
          members.delete(id);
        },
      };
    },
    cut(left, right) {
      cuts.add(linkName(left, right));
      refresh(left, right);
    },
    mend(left, right) {
      cuts.delete(linkName(left, right));
      refresh(left, right);
    },
  };
}

/** The same for both directions; a space is in no id. */
function linkName(left: NodeId, right: NodeId): string {
  return left < right ? `${left} ${right}` : `${right} ${left}`;
}
