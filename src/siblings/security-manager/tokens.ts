import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { SwarmError } from '../../protocol/errors.ts';

/** What a token of ours says in the hello of a link: who claims to have been given it, and the proof. */
export interface SaidToken {
  readonly kind: 'join' | 'client';
  /** Of a join token its number, of a client its name. */
  readonly name: string;
  readonly secret: string;
}

/** All that somebody needs who is not in the swarm yet. */
export interface JoinToken {
  readonly clusterId: string;
  /** SHA-256 of the authority's certificate, hexadecimal: whoever answers with another one is somebody else. */
  readonly pin: string;
  readonly name: string;
  readonly secret: string;
}

const SAID = /^rm-(?<kind>join|client):(?<name>[A-Za-z0-9._-]{1,64}):(?<secret>[A-Za-z0-9_-]{16,128})$/;
const JOIN = 'rmj1_';

/** 256 bits: nobody guesses it, so its hash may be read by everybody. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What is kept of a secret. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** In constant time. `hash`: as `hashOf` gives it. */
export function isSecretOf(secret: string, hash: string): boolean {
  const kept = Buffer.from(hash, 'hex');
  const given = createHash('sha256').update(secret).digest();
  return kept.length === given.length && timingSafeEqual(kept, given);
}

/** As it stands in a hello. */
export function saidToken({ kind, name, secret }: SaidToken): string {
  return `rm-${kind}:${name}:${secret}`;
}

/** Undefined for a token that is not of ours: the secret of the swarm, say. */
export function readSaidToken(text: string): SaidToken | undefined {
  const { kind, name, secret } = SAID.exec(text)?.groups ?? {};
  if (name === undefined || secret === undefined) return undefined;
  return { kind: kind === 'join' ? 'join' : 'client', name, secret };
}

/** For people to hand on, in one piece. */
export function writeJoinToken({ clusterId, pin, name, secret }: JoinToken): string {
  return JOIN + Buffer.from(JSON.stringify([clusterId, pin, name, secret])).toString('base64url');
}

export function isJoinToken(text: string): boolean {
  return text.startsWith(JOIN);
}

/** @throws SwarmError BAD_INPUT */
export function readJoinToken(text: string): JoinToken {
  const parts = partsOf(text);
  const [clusterId, pin, name, secret] = parts;
  const isWhole =
    parts.length === 4 &&
    clusterId !== undefined &&
    name !== undefined &&
    secret !== undefined &&
    /^[0-9a-f]{64}$/.test(pin ?? '');
  if (isWhole && pin !== undefined) return { clusterId, pin, name, secret };
  throw new SwarmError(
    'BAD_INPUT',
    'this is no join token, or not all of it; "raft-manager security token" prints one in one line',
  );
}

function partsOf(text: string): readonly string[] {
  if (!isJoinToken(text)) return [];
  try {
    const parts: unknown = JSON.parse(Buffer.from(text.slice(JOIN.length), 'base64url').toString('utf8'));
    return Array.isArray(parts) && parts.every((part) => typeof part === 'string') ? parts : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
