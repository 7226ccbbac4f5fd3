import { randomUUID } from 'node:crypto';
import type { NodeStatus, PeerStatus } from '../node/port.ts';
import { SwarmError } from '../protocol/errors.ts';
import type { ClusterId, NodeId } from '../protocol/ids.ts';
import { type Configuration, isJoint, isVoter, majority, members } from '../protocol/state.ts';
import { STATUS_OK } from '../transport/client-codec.ts';
import { openClientLink } from '../transport/client-link.ts';
import { knownAddresses } from './address-book.ts';
import { type Endpoint, findEndpoint } from './endpoint.ts';
import { memberIdOf } from './identity.ts';
import type { SwarmFolder } from './layout.ts';
import { credentialsFor } from './link-credentials.ts';
import type { MemberJson } from './port.ts';
import { quarantineOf } from './quarantine.ts';
import { bootstrapConfiguration, loadRoster, loadToken, type Roster } from './roster.ts';
import { pack, REQUEST, unpack, type WireQuery } from './wire.ts';

/** One node as `status --json` shows it. */
export interface NodeJson {
  readonly id: string;
  readonly agent: string | null;
  readonly url: string | null;
  readonly pid: number | null;
  readonly host: string | null;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'down';
  /** Of an instance of this machine that is kept out because what it holds differs from the others: why. */
  readonly quarantined: string | null;
  /** By the configuration in force, of either half while it is joint. */
  readonly voter: boolean;
  /** It belongs to the swarm; false for an instance of this machine that was removed, or has not joined. */
  readonly member: boolean;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Entries behind the highest commit index that any node knows. */
  readonly lag: number;
  /** Since its leader heard it, or it heard its leader; null when nobody knows. */
  readonly lastContactMs: number | null;
  /** How the leader replicates to it; null on the leader, and where there is none. */
  readonly progress: Pick<PeerStatus, 'mode' | 'matchIndex' | 'lag' | 'inFlight'> | null;
  /** Up to where its own snapshot reaches; 0 without one. */
  readonly snapshotIndex: number;
  /** The first entry that its log still holds; 0 while it is down. */
  readonly firstIndex: number;
  /** While it lacks part of a log that was damaged, and does not vote: what it holds, and what it held. */
  readonly repairing: NonNullable<NodeStatus['repairing']> | null;
}

export interface Census {
  readonly swarm: string;
  readonly clusterId: string;
  readonly coordinator: string | null;
  readonly term: number;
  readonly elections: number;
  readonly quorum: boolean;
  /** Who belongs to the swarm, as its leader says; while a joint phase lasts, `votersOutgoing` has a say, too. */
  readonly configuration: Configuration;
  readonly nodes: readonly NodeJson[];
}

/** A node that may be there: of this machine's folder, or a member elsewhere. */
interface Place {
  readonly id: NodeId;
  readonly agent: string | null;
  readonly url: string | undefined;
  readonly endpoint: Endpoint | undefined;
  readonly quarantined: string | null;
}

interface Seen extends Place {
  readonly status: NodeStatus | undefined;
}

interface Asker {
  readonly folder: SwarmFolder;
  readonly identity: Parameters<typeof openClientLink>[0]['identity'];
  readonly from: string;
  readonly timeoutMs: number;
}

/** Asks every node for itself, so that the answer also tells who is down and who is cut off. */
export async function takeCensus(folder: SwarmFolder, version: string, timeoutMs: number): Promise<Census> {
  const roster = loadRoster(folder);
  const clusterId = roster.clusterId as ClusterId;
  const identity = {
    clusterId,
    token: loadToken(folder),
    version,
    nodeId: `census-${process.pid}` as NodeId,
    nonce: randomUUID(),
  };
  const asker = { folder, identity, from: roster.host ?? '', timeoutMs };
  const here =
    roster.nodes.length === 0
      ? await lookAtSeeds(roster, asker)
      : await Promise.all(placesHere(folder, roster).map((place) => lookAt(place, asker)));
  const leader = currentLeader(here);
  const configuration = leader?.configuration ?? latestConfiguration(here) ?? bootstrapConfiguration(roster);
  const elsewhere = await lookElsewhere(here, { folder, roster, configuration, asker });
  return summary([...here, ...elsewhere], { roster, configuration });
}

function placesHere(folder: SwarmFolder, roster: Roster): readonly Place[] {
  return roster.nodes.map((node): Place => {
    const name = node.id as NodeId;
    const endpoint = findEndpoint(folder, name);
    const quarantined = quarantineOf(folder, name)?.why ?? null;
    return { id: memberIdOf(folder, name), agent: node.agent, url: endpoint?.url, endpoint, quarantined };
  });
}

interface Elsewhere {
  readonly folder: SwarmFolder;
  readonly roster: Roster;
  readonly configuration: Configuration;
  readonly asker: Asker;
}

/** Members that are no instances of this folder: the log knows where they are. */
async function lookElsewhere(here: readonly Seen[], all: Elsewhere): Promise<readonly Seen[]> {
  const { configuration, asker } = all;
  const missing = members(configuration).filter((id) => !here.some((seen) => seen.id === id));
  if (missing.length === 0) return [];
  const book = await askBook(here, all);
  return Promise.all(
    missing.map((id) => {
      const url = book.find((member) => member.id === id)?.url ?? undefined;
      return lookAt({ id, agent: null, url, endpoint: undefined, quarantined: null }, asker);
    }),
  );
}

async function askBook(
  here: readonly Seen[],
  { folder, roster, asker }: Elsewhere,
): Promise<readonly MemberJson[]> {
  const own = here.flatMap(({ status, url }) => (status === undefined ? [] : (url ?? [])));
  const known = roster.nodes.flatMap(({ id }) => knownAddresses(folder, id as NodeId));
  return (await firstBook(own, asker)) ?? (await firstBook(known, asker)) ?? [];
}

/** Of whoever answers first: those that are cut off and say nothing are waited for once, and not one after the other. */
async function firstBook(urls: readonly string[], asker: Asker): Promise<readonly MemberJson[] | undefined> {
  const books = urls.map((url) => ask(url, { kind: 'members' }, asker));
  const first = new Promise<unknown>((resolve, reject) => {
    for (const book of books) book.then((answer) => answer !== undefined && resolve(answer), reject);
    Promise.all(books).then(() => resolve(undefined), reject);
  });
  return (await first) as readonly MemberJson[] | undefined;
}

/** From a folder without instances: whoever answers where somebody did before. */
async function lookAtSeeds({ seeds = [] }: Roster, asker: Asker): Promise<readonly Seen[]> {
  const seen = await Promise.all(
    seeds.map(async (url): Promise<readonly Seen[]> => {
      const status = (await ask(url, { kind: 'status' }, asker)) as NodeStatus | undefined;
      if (status === undefined) return [];
      return [{ id: status.id, agent: null, url, endpoint: undefined, quarantined: null, status }];
    }),
  );
  return seen.flat();
}

async function lookAt(place: Place, asker: Asker): Promise<Seen> {
  if (place.url === undefined) return { ...place, status: undefined };
  return { ...place, status: (await ask(place.url, { kind: 'status' }, asker)) as NodeStatus | undefined };
}

/** Two may claim to lead for a moment; the later term is right. §5.1 */
function currentLeader(seen: readonly Seen[]): NodeStatus | undefined {
  const leaders = seen.flatMap(({ status }) => (status?.role === 'leader' ? [status] : []));
  return leaders.sort((a, b) => b.term - a.term)[0];
}

/** Of whoever has the longest log, while nobody leads. */
function latestConfiguration(seen: readonly Seen[]): Configuration | undefined {
  const statuses = seen.flatMap(({ status }) => status ?? []);
  return statuses.sort((a, b) => b.lastIndex - a.lastIndex)[0]?.configuration;
}

function summary(
  seen: readonly Seen[],
  { roster, configuration }: { readonly roster: Roster; readonly configuration: Configuration },
): Census {
  const leader = currentLeader(seen);
  const commit = Math.max(0, ...seen.map(({ status }) => status?.commitIndex ?? 0));
  const follows = (id: NodeId): boolean => {
    const status = seen.find((node) => node.id === id)?.status;
    return status !== undefined && leader !== undefined && status.leaderId === leader.id;
  };
  const halves = isJoint(configuration)
    ? [configuration.voters, configuration.votersOutgoing]
    : [configuration.voters];
  return {
    swarm: roster.name,
    clusterId: roster.clusterId,
    coordinator: leader?.id ?? null,
    term: Math.max(0, ...seen.map(({ status }) => status?.term ?? 0)),
    elections: seen.reduce((sum, { status }) => sum + (status?.electionsWon ?? 0), 0),
    quorum: halves.every((half) => half.filter(follows).length >= majority(half.length)),
    configuration,
    nodes: seen.map((one) => nodeJson(one, { leader, commit, configuration })),
  };
}

interface View {
  readonly leader: NodeStatus | undefined;
  readonly commit: number;
  readonly configuration: Configuration;
}

function nodeJson({ id, agent, url, endpoint, quarantined, status }: Seen, view: View): NodeJson {
  const { leader, commit, configuration } = view;
  const peer = leader?.peers.find((one) => one.id === id);
  return {
    id,
    agent,
    url: url ?? null,
    pid: endpoint?.pid ?? null,
    host: endpoint?.host ?? null,
    role: status?.role ?? 'down',
    quarantined,
    voter: isVoter(configuration, id),
    member: members(configuration).includes(id),
    term: status?.term ?? 0,
    commitIndex: status?.commitIndex ?? 0,
    appliedIndex: status?.appliedIndex ?? 0,
    lag: status === undefined ? commit : commit - status.appliedIndex,
    lastContactMs: peer?.lastContactMs ?? status?.leaderContactMs ?? null,
    progress:
      peer === undefined
        ? null
        : { mode: peer.mode, matchIndex: peer.matchIndex, lag: peer.lag, inFlight: peer.inFlight },
    snapshotIndex: status?.snapshotIndex ?? 0,
    firstIndex: status?.firstIndex ?? 0,
    repairing: status?.repairing ?? null,
  };
}

/** A node's own word; undefined when it does not answer. */
async function ask(
  url: string,
  query: WireQuery,
  { folder, identity, from, timeoutMs }: Asker,
): Promise<unknown> {
  try {
    const credentials = credentialsFor(folder, url);
    const link = await openClientLink({ url, identity, from, timeoutMs, credentials });
    const answer = await new Promise<unknown>((resolve) => {
      const late = setTimeout(() => resolve(undefined), timeoutMs);
      link.request(REQUEST.query, pack(query), (code, body) => {
        clearTimeout(late);
        resolve(code === STATUS_OK ? unpack(body) : undefined);
      });
    });
    await link.close();
    return answer;
  } catch (error) {
    if (error instanceof SwarmError) return undefined;
    throw error;
  }
}
