import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type Outcome, SwarmError } from '../protocol/errors.ts';
import { type ClusterId, isId, type NodeId } from '../protocol/ids.ts';
import { MAX_HELLO_BYTES } from '../protocol/limits.ts';

/** Raised when an older node could not understand a newer one. */
export const PROTOCOL = 1;

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
  /** Drawn anew by every process, so that a restarted peer is told from a reconnecting one. */
  readonly nonce: string;
}

const PROTOCOL_ONLY = z.object({ protocol: z.int() });

// Unknown keys are let through: a newer node of the same protocol may say more.
const HELLO = z.object({
  protocol: z.int(),
  kind: z.enum(['peer', 'client']),
  clusterId: z.string().min(1).max(128),
  nodeId: z.string().refine(isId, 'is no id'),
  token: z.string().min(1).max(1_024),
  version: z.string().max(64),
  level: z.int().min(1).default(1),
  nonce: z.string().min(1).max(64),
});

/** The first frame of a link, either way. */
export type Hello = Identity & { readonly kind: LinkKind; readonly level: number };

export function encodeHello(
  { clusterId, nodeId, token, version, level, nonce }: Identity,
  kind: LinkKind,
): string {
  return JSON.stringify({ protocol: PROTOCOL, kind, clusterId, nodeId, token, version, level, nonce });
}

/** Errors: `WRONG_PROTOCOL` for anything that names another protocol, else `MALFORMED`. */
export function decodeHello(bytes: Uint8Array): Outcome<Hello> {
  const parsed = bytes.length > MAX_HELLO_BYTES ? undefined : parseJson(bytes);
  const head = PROTOCOL_ONLY.safeParse(parsed);
  if (!head.success) return malformed('the first frame must be a hello');
  // First of all, for the rest of another protocol's hello may look different.
  if (head.data.protocol !== PROTOCOL) return wrongProtocol(head.data.protocol);
  const hello = HELLO.safeParse(parsed);
  if (!hello.success) return malformed(`hello: ${hello.error.issues[0]?.path.join('.')} is wrong`);
  const { kind, clusterId, nodeId, token, version, level, nonce } = hello.data;
  const ids = { clusterId: clusterId as ClusterId, nodeId: nodeId as NodeId };
  return { ok: true, value: { kind, ...ids, token, version, level, nonce } };
}

export interface Expected {
  readonly kind: LinkKind;
  readonly isWelcome: (nodeId: NodeId) => boolean;
}

/**
 * Why the sender of `hello` is refused, or `undefined` for "welcome". The texts say nothing that a
 * stranger does not know already.
 */
export function refusalOf(hello: Hello, ours: Identity, expected: Expected): SwarmError | undefined {
  if (hello.clusterId !== ours.clusterId) {
    return new SwarmError('WRONG_CLUSTER', `${ours.nodeId} belongs to another cluster; check the URL`);
  }
  if (!sameSecret(hello.token, ours.token)) {
    return new SwarmError('UNAUTHORIZED', `${ours.nodeId} does not accept this token`);
  }
  if (hello.kind !== expected.kind) {
    return new SwarmError('MALFORMED', `a hello for a ${expected.kind} link was expected`);
  }
  if (!expected.isWelcome(hello.nodeId)) {
    return new SwarmError('UNKNOWN_NODE', `${ours.nodeId} does not expect ${hello.nodeId} on this link`, {
      nodeId: hello.nodeId,
    });
  }
  return undefined;
}

/** In constant time: hashing first makes the lengths equal too. */
function sameSecret(left: string, right: string): boolean {
  return timingSafeEqual(digest(left), digest(right));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function malformed(what: string): Outcome<never> {
  return { ok: false, error: new SwarmError('MALFORMED', what) };
}

function wrongProtocol(protocol: number): Outcome<never> {
  const message = `protocol ${protocol} where ${PROTOCOL} is spoken; run the same release on every node`;
  return { ok: false, error: new SwarmError('WRONG_PROTOCOL', message, { protocol, expected: PROTOCOL }) };
}
