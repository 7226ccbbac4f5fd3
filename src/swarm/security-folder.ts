import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import { isMissing, writeWhole } from './files.ts';
import type { SwarmFolder } from './layout.ts';

// Hooks read this folder for every tool call of a person's session: no schema library here.

/** A certificate and the key that belongs to it, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** True when the instances of this folder speak TLS. */
export function isSecured(folder: SwarmFolder): boolean {
  return existsSync(bundlePath(folder));
}

/** Certificates of the authorities that are trusted, one after the other as PEM. */
export function readBundle(folder: SwarmFolder): string {
  return readFileSync(bundlePath(folder), 'utf8');
}

export function writeBundle(folder: SwarmFolder, pem: string): void {
  prepare(folder);
  writeWhole(bundlePath(folder), pem, 0o600);
}

/**
 * What an instance shows to others; undefined while it has nothing to show. Not among its data: who has lost those can
 * still prove its name.
 *
 * @throws SwarmError UNAUTHORIZED when others may read the key.
 */
export function readKeyPair(folder: SwarmFolder, name: NodeId): KeyPair | undefined {
  const certificate = readIfThere(certificatePath(folder, name));
  if (certificate === undefined) return undefined;
  return { certificate, key: readPrivate(keyPath(folder, name)) };
}

export function writeKeyPair(folder: SwarmFolder, name: NodeId, { certificate, key }: KeyPair): void {
  prepare(folder);
  writeWhole(keyPath(folder, name), key, 0o600);
  writeWhole(certificatePath(folder, name), certificate, 0o600);
}

/** The key for which a certificate was asked and has not come yet; made now if there is none. */
export function pendingKey(folder: SwarmFolder, name: NodeId, make: () => string): string {
  const path = `${keyPath(folder, name)}.next`;
  if (existsSync(path)) return readPrivate(path);
  const key = make();
  prepare(folder);
  writeWhole(path, key, 0o600);
  return key;
}

/** The certificate for it has come. */
export function settlePendingKey(folder: SwarmFolder, name: NodeId, pair: KeyPair): void {
  writeKeyPair(folder, name, pair);
  rmSync(`${keyPath(folder, name)}.next`, { force: true });
}

/** Members and clients that are known here not to be let in, also before the log has been read. */
export function readRevoked(folder: SwarmFolder): ReadonlySet<string> {
  const text = readIfThere(revokedPath(folder)) ?? '';
  return new Set(text.split('\n').filter((line) => line !== ''));
}

export function writeRevoked(folder: SwarmFolder, names: Iterable<string>): void {
  prepare(folder);
  writeWhole(revokedPath(folder), [...names].map((name) => `${name}\n`).join(''), 0o600);
}

/**
 * A secret that nobody but its owner may read.
 *
 * @throws SwarmError UNAUTHORIZED saying what mends it.
 */
export function readPrivate(path: string): string {
  const mode = statSync(path).mode & 0o077;
  if (mode === 0) return readFileSync(path, 'utf8');
  throw new SwarmError('UNAUTHORIZED', `${path} is open to other users; run "chmod 600 ${path}"`);
}

/** @throws SwarmError UNAUTHORIZED when others may look into the folder. */
export function checkSecurityFolder(folder: SwarmFolder): void {
  const { security } = folder;
  if (!existsSync(security) || (statSync(security).mode & 0o077) === 0) return;
  throw new SwarmError('UNAUTHORIZED', `${security} is open to other users; run "chmod 700 ${security}"`);
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function prepare({ security }: SwarmFolder): void {
  mkdirSync(security, { recursive: true, mode: 0o700 });
}

const bundlePath = ({ security }: SwarmFolder): string => join(security, 'ca.crt');
const revokedPath = ({ security }: SwarmFolder): string => join(security, 'revoked');
const keyPath = ({ security }: SwarmFolder, name: NodeId): string =>
  join(security, 'nodes', name, 'node.key');
const certificatePath = ({ security }: SwarmFolder, name: NodeId): string =>
  join(security, 'nodes', name, 'node.crt');
