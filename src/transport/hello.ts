import { createHash, timingSafeEqual } from 'node:crypto';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import { type ClusterId, isId, type NodeId } from '../protocol/ids.ts';
import { MAX_HELLO_BYTES } from '../protocol/limits.ts';
import { highestCommon, PROTOCOLS, type ProtocolRange, rangeText } from './protocol.ts';
import { NUMBERED_SINCE } from './sequence.ts';

export type LinkKind = 'peer' | 'client';

/** Who we are, for as long as the process lives. */
export interface Identity {
  readonly clusterId: ClusterId;
  /** A node's id; a client's is any name, for people to read. */
  readonly nodeId: NodeId;
  /** The secret shared by the swarm: whoever knows it belongs to it. */
  readonly token: string;
  /** Of the software; said, not compared. */
  readonly version: string;
  /** The latest commands of the log that this process understands; 1 where nothing is said. */
  readonly level?: number;
  /** The versions of the wire that this process speaks; those of this release where nothing is said. */
  readonly protocols?: ProtocolRange;
  /** Drawn anew by every process, so that a restarted peer is told from a reconnecting one. */
  readonly nonce: string;
  /** The link takes the place of one that is still open, and nothing that was sent over that one is lost. */
  readonly renewal?: boolean;
}

// By hand: hooks dial for every tool call of a person's session, and loading a schema library would take them as
// long as all the rest.

/**
 * The first release said `protocol` alone and lets nobody in who says another number there than its own; so that is the
 * lowest of a range, and who says no more speaks that one only.
 */
function readProtocols({ protocol, protocolMax = protocol }: Words): ProtocolRange | undefined {
  if (!isCount(protocol) || !isCount(protocolMax) || protocol > protocolMax) return undefined;
  return { min: protocol, max: protocolMax };
}

/** What every hello says besides its protocols. Unknown keys are let through: a newer node may say more. */
function readWords({
  kind,
  clusterId,
  nodeId,
  token,
  version,
  level = 1,
  nonce,
  link,
  renewal = false,
}: Words): Omit<Hello, 'protocol'> | WordName {
  if (kind !== 'peer' && kind !== 'client') return 'kind';
  if (!isText(clusterId, 1, 128)) return 'clusterId';
  if (!isText(nodeId, 1, 64) || !isId(nodeId)) return 'nodeId';
  if (!isText(token, 1, 1_024)) return 'token';
  if (!isText(version, 0, 64)) return 'version';
  if (!isCount(level)) return 'level';
  if (!isText(nonce, 1, 64)) return 'nonce';
  if (link !== undefined && !isText(link, 1, 64)) return 'link';
  if (typeof renewal !== 'boolean') return 'renewal';
  const ids = { clusterId: clusterId as ClusterId, nodeId: nodeId as NodeId };
  const rest = { ...(link === undefined ? {} : { link }), ...(renewal ? { renewal } : {}) };
  return { kind, ...ids, token, version, level, nonce, ...rest };
}

type Words = Readonly<Record<string, unknown>>;
type WordName = keyof Omit<Hello, 'protocol'>;

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function isText(value: unknown, least: number, most: number): value is string {
  return typeof value === 'string' && value.length >= least && value.length <= most;
}

/** The first frame of a link, either way. */
export interface Hello extends Omit<Identity, 'protocols'> {
  readonly kind: LinkKind;
  readonly level: number;
  /** What the link speaks from here on: the highest version that both ends know. */
  readonly protocol: number;
  /** Drawn for this link alone: where the numbers of its frames begin depends on it. */
  readonly link?: string;
}

/** `link`: drawn for this link alone; whoever does not number frames says none, and speaks an older protocol. */
export function encodeHello(
  { protocols = PROTOCOLS, clusterId, nodeId, token, version, level, nonce, renewal }: Identity,
  kind: LinkKind,
  link?: string,
): string {
  const protocolMax = link === undefined ? Math.min(protocols.max, NUMBERED_SINCE - 1) : protocols.max;
  const versions = { protocol: protocols.min, protocolMax };
  return JSON.stringify({
    ...versions,
    kind,
    clusterId,
    nodeId,
    token,
    version,
    level,
    nonce,
    link,
    renewal,
  });
}

/**
 * What somebody says who may be of another release; `spoken` is what we speak ourselves.
 *
 * Errors: `WRONG_PROTOCOL` when there is no protocol in common, else `MALFORMED`.
 */
export function decodeHello(bytes: Uint8Array, spoken: ProtocolRange = PROTOCOLS): Outcome<Hello> {
  const words = bytes.length > MAX_HELLO_BYTES ? undefined : parseWords(bytes);
  const protocols = words === undefined ? undefined : readProtocols(words);
  if (words === undefined || protocols === undefined) return malformed('the first frame must be a hello');
  // First of all, for the rest of another protocol's hello may look different.
  const protocol = highestCommon(spoken, protocols);
  if (protocol === undefined) return wrongProtocol(protocols, spoken);
  const hello = readWords(words);
  if (typeof hello === 'string') return malformed(`hello: ${hello} is wrong`);
  if (protocol >= NUMBERED_SINCE && hello.link === undefined) return malformed('hello: link is missing');
  return { ok: true, value: { ...hello, protocol } };
}

export interface Expected {
  readonly kind: LinkKind;
  /** Why nobody of that id is wanted on this link; undefined for "welcome". Asked last, when the secret was right. */
  readonly objection: (nodeId: NodeId) => string | undefined;
  /** The level of the log, below which nobody could follow it; absent: whatever the other end knows will do. */
  readonly leastLevel?: () => number;
  /** Why what the other end has shown is not enough; absent: the secret that both know decides. */
  readonly distrust?: (hello: Hello) => SwarmError | undefined;
}

/**
 * Why the sender of `hello` is refused, or `undefined` for "welcome". The texts say nothing that a
 * stranger does not know already.
 */
export function refusalOf(hello: Hello, ours: Identity, expected: Expected): SwarmError | undefined {
  if (hello.clusterId !== ours.clusterId) {
    return new SwarmError('WRONG_CLUSTER', `${ours.nodeId} belongs to another cluster; check the URL`);
  }
  const distrust = expected.distrust ?? ((said) => unlessSameSecret(said, ours));
  const reason = distrust(hello);
  if (reason !== undefined) return reason;
  if (hello.kind !== expected.kind) {
    return new SwarmError('MALFORMED', `a hello for a ${expected.kind} link was expected`);
  }
  const objection = expected.objection(hello.nodeId);
  if (objection !== undefined) return new SwarmError('UNKNOWN_NODE', objection, { nodeId: hello.nodeId });
  const least = expected.leastLevel?.() ?? 1;
  return hello.level < least ? tooOld(hello, least) : undefined;
}

function tooOld({ nodeId, level, version }: Hello, least: number): SwarmError {
  const message = `the log is at level ${least}, and release ${version} of ${nodeId} knows up to ${level}: upgrade that node`;
  return new SwarmError('WRONG_PROTOCOL', message, { nodeId, level, least });
}

function unlessSameSecret({ token }: Hello, ours: Identity): SwarmError | undefined {
  if (sameSecret(token, ours.token)) return undefined;
  return new SwarmError('UNAUTHORIZED', `${ours.nodeId} does not accept this token`);
}

/** In constant time: hashing first makes the lengths equal too. */
export function sameSecret(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function parseWords(bytes: Uint8Array): Words | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Words) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function malformed(what: string): Outcome<never> {
  return { ok: false, error: new SwarmError('MALFORMED', what) };
}

function wrongProtocol(theirs: ProtocolRange, ours: ProtocolRange): Outcome<never> {
  const message = `protocol ${rangeText(theirs)} where ${rangeText(ours)} is spoken; upgrade the older node, one release at a time`;
  return { ok: false, error: new SwarmError('WRONG_PROTOCOL', message, { theirs, ours }) };
}
