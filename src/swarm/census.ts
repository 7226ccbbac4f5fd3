import { randomUUID } from 'node:crypto';
import type { NodeStatus } from '../node/port.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { ClusterId, NodeId } from '../protocol/ids.ts';
import { majority } from '../protocol/state.ts';
import { STATUS_OK } from '../transport/client-codec.ts';
import { openClientLink } from '../transport/client-link.ts';
import { type Endpoint, findEndpoint } from './endpoint.ts';
import type { SwarmFolder } from './layout.ts';
import { loadRoster, loadToken, type RosterNode } from './roster.ts';
import { pack, REQUEST, unpack } from './wire.ts';

/** One node as `status --json` shows it. */
export interface NodeJson {
  readonly id: string;
  readonly agent: string;
  readonly url: string | null;
  readonly pid: number | null;
  readonly host: string | null;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'down';
  readonly voter: boolean;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Entries behind the highest commit index that any node knows. */
  readonly lag: number;
  /** Since its leader heard it, or it heard its leader; null when nobody knows. */
  readonly lastContactMs: number | null;
}

export interface Census {
  readonly swarm: string;
  readonly clusterId: string;
  readonly coordinator: string | null;
  readonly term: number;
  readonly elections: number;
  readonly quorum: boolean;
  readonly nodes: readonly NodeJson[];
}

interface Seen {
  readonly node: RosterNode;
  readonly endpoint: Endpoint | undefined;
  readonly status: NodeStatus | undefined;
}

/** Asks every node for itself, so that the answer also tells who is down and who is cut off. */
export async function takeCensus(folder: SwarmFolder, version: string, timeoutMs: number): Promise<Census> {
  const roster = loadRoster(folder);
  const token = loadToken(folder);
  const clusterId = roster.clusterId as ClusterId;
  const seen = await Promise.all(
    roster.nodes.map(async (node): Promise<Seen> => {
      const endpoint = findEndpoint(folder, node.id as NodeId);
      if (endpoint === undefined) return { node, endpoint, status: undefined };
      const identity = {
        clusterId,
        token,
        version,
        nodeId: `census-${process.pid}` as NodeId,
        nonce: randomUUID(),
      };
      return { node, endpoint, status: await askStatus(endpoint.url, identity, timeoutMs) };
    }),
  );
  const leader = currentLeader(seen);
  const commit = Math.max(0, ...seen.map(({ status }) => status?.commitIndex ?? 0));
  const voters = seen.filter(({ node }) => node.voter);
  const voting = voters.filter(({ status }) => status !== undefined && status.leaderId === leader?.id);
  return {
    swarm: roster.name,
    clusterId: roster.clusterId,
    coordinator: leader?.id ?? null,
    term: Math.max(0, ...seen.map(({ status }) => status?.term ?? 0)),
    elections: seen.reduce((sum, { status }) => sum + (status?.electionsWon ?? 0), 0),
    quorum: leader !== undefined && voting.length >= majority(voters.length),
    nodes: seen.map((one) => nodeJson(one, { leader, commit })),
  };
}

/** Two may claim to lead for a moment; the later term is right. §5.1 */
function currentLeader(seen: readonly Seen[]): NodeStatus | undefined {
  const leaders = seen.flatMap(({ status }) => (status?.role === 'leader' ? [status] : []));
  return leaders.sort((a, b) => b.term - a.term)[0];
}

function nodeJson(
  { node, endpoint, status }: Seen,
  { leader, commit }: { readonly leader: NodeStatus | undefined; readonly commit: number },
): NodeJson {
  const heardByLeader = leader?.peers.find(({ id }) => id === node.id)?.lastContactMs;
  return {
    id: node.id,
    agent: node.agent,
    url: endpoint?.url ?? null,
    pid: endpoint?.pid ?? null,
    host: endpoint?.host ?? null,
    role: status?.role ?? 'down',
    voter: node.voter,
    term: status?.term ?? 0,
    commitIndex: status?.commitIndex ?? 0,
    appliedIndex: status?.appliedIndex ?? 0,
    lag: status === undefined ? commit : commit - status.appliedIndex,
    lastContactMs: heardByLeader ?? status?.leaderContactMs ?? null,
  };
}

/** A node's own word about itself; undefined when it does not answer. */
async function askStatus(
  url: string,
  identity: Parameters<typeof openClientLink>[0]['identity'],
  timeoutMs: number,
): Promise<NodeStatus | undefined> {
  try {
    const link = await openClientLink({ url, identity });
    const status = await new Promise<NodeStatus | undefined>((resolve) => {
      const late = setTimeout(() => resolve(undefined), timeoutMs);
      link.request(REQUEST.query, pack({ kind: 'status' }), (code, body) => {
        clearTimeout(late);
        resolve(code === STATUS_OK ? (unpack(body) as NodeStatus) : undefined);
      });
    });
    await link.close();
    return status;
  } catch (error) {
    if (error instanceof SwarmError) return undefined;
    throw error;
  }
}
