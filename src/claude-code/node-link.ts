import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';
import type { ClusterId, Millis, NodeId } from '../protocol/ids.ts';
import type { SwarmFolder } from '../swarm/layout.ts';
import { credentialsFor } from '../swarm/link-credentials.ts';
import type { Answers, Query } from '../swarm/port.ts';
import { pack, REQUEST, unpack, unpackError } from '../swarm/wire.ts';
import { encodeEnvelope } from '../tasks/codec.ts';
import type { ResultValues, TaskCommand, TaskResult } from '../tasks/command.ts';
import { STATUS_ERROR, STATUS_OK } from '../transport/client-codec.ts';
import { type ClientLink, openClientLink } from '../transport/client-link.ts';

/** A link to one node, for the one or two questions of a hook. */
export interface NodeTalk {
  readonly swarm: string;
  readonly folder: SwarmFolder;
  /** @throws SwarmError NO_QUORUM when nobody can vouch for the answer. */
  ask<Q extends Exclude<Query, { kind: 'tasks' }>>(query: Q): Promise<Answers[Q['kind']]>;
  /**
   * Brings a command to the log. It has no session, which would cost one more round: it must be one that does no harm
   * when it comes twice.
   *
   * @throws SwarmError with the machine's code when it is refused.
   */
  propose<C extends TaskCommand>(command: C): Promise<ResultValues[C['kind']]>;
}

/** Another node may answer, or this one in a moment. */
const WORTH_TRYING_AGAIN: ReadonlySet<ErrorCode> = new Set([
  'OUTCOME_UNKNOWN',
  'PROPOSAL_DROPPED',
  'NOT_RUNNING',
  'NOT_LEADER',
  'TRANSFER_IN_PROGRESS',
  'STOPPED',
  'BUSY',
]);
const PAUSE_MS = 25;

export interface Patience {
  readonly forMs: Millis;
  /** Whether to knock at every door once, or until the time is up: a swarm may just be coming back. */
  readonly knock: 'once' | 'again';
}

/**
 * Lets `work` talk to whichever node answers; with another one from the beginning when that goes away. The link stays
 * open: a hook ends its process.
 *
 * @throws SwarmError NOT_RUNNING when none answers in time, and what the swarm refuses with.
 */
export async function talk<T>(
  folders: readonly SwarmFolder[],
  { forMs, knock }: Patience,
  work: (node: NodeTalk) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + forMs;
  const late = expiry(forMs);
  for (let reason = 'no node has published an address'; ; ) {
    for (const place of folders.flatMap(placesIn)) {
      try {
        return await Promise.race([talkAt(place, work), late]);
      } catch (error) {
        if (!(error instanceof SwarmError) || !WORTH_TRYING_AGAIN.has(error.code)) throw error;
        reason = error.message;
      }
    }
    const isHopeless = folders.length === 0 || knock === 'once';
    if (isHopeless || performance.now() + PAUSE_MS > deadline) {
      throw new SwarmError('NOT_RUNNING', `no node of the swarm answers (${reason})`);
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

function expiry(patienceMs: Millis): Promise<never> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => {
      reject(new SwarmError('NO_QUORUM', `the swarm did not answer within ${patienceMs} ms`));
    }, patienceMs).unref();
  });
  // Nobody may be waiting any more.
  late.catch(() => undefined);
  return late;
}

interface Place {
  readonly folder: SwarmFolder;
  readonly name: string;
  readonly url: string;
  readonly clusterId: string;
}

interface RosterText {
  readonly name: string;
  readonly clusterId: string;
  readonly nodes: readonly { readonly id: string }[];
}

/**
 * Addresses of a swarm's nodes on this machine. The files are ours, in a folder of ours: they are read as they are,
 * for a schema library takes longer to load than all the rest of a hook.
 */
function placesIn(folder: SwarmFolder): readonly Place[] {
  const roster = readJson(folder.roster) as RosterText | undefined;
  if (roster === undefined) return [];
  const { name, clusterId, nodes } = roster;
  return nodes.flatMap(({ id }) => {
    const endpoint = readJson(folder.endpoint(id as NodeId)) as { readonly url: string } | undefined;
    return endpoint === undefined ? [] : [{ folder, name, url: endpoint.url, clusterId }];
  });
}

async function talkAt<T>(place: Place, work: (node: NodeTalk) => Promise<T>): Promise<T> {
  const { folder, name, url, clusterId } = place;
  const token = readFileSync(folder.token, 'utf8').trim();
  const link = await openClientLink({
    url,
    credentials: credentialsFor(folder, url),
    identity: {
      clusterId: clusterId as ClusterId,
      token,
      version: 'hook',
      nodeId: `hook-${process.pid}` as NodeId,
      nonce: randomUUID(),
    },
  });
  return work({
    swarm: name,
    folder,
    ask: async (query) => (await request(link, REQUEST.query, pack(query))) as never,
    propose: async (command) => {
      const bytes = encodeEnvelope({ at: Date.now(), body: command });
      const result = (await request(link, REQUEST.propose, bytes)) as TaskResult;
      if (!result.ok) throw new SwarmError(result.code, result.message);
      return result.value as never;
    },
  });
}

function request(link: ClientLink, kind: number, body: Uint8Array): Promise<unknown> {
  return new Promise((resolve, reject) => {
    link.request(kind, body, (status, answer) => {
      if (status === STATUS_OK) resolve(unpack(answer));
      else if (status === STATUS_ERROR) reject(unpackError(answer));
      else reject(new SwarmError('OUTCOME_UNKNOWN', `${link.nodeId} went away before it answered`));
    });
  });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Gone, or not written yet: this node cannot be asked, another one may.
    return undefined;
  }
}
