import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';
import { isId, type NodeId } from '../protocol/ids.ts';
import { isMissing, writeWhole } from './files.ts';
import { readJsonText } from './json-text.ts';
import type { SwarmFolder } from './layout.ts';

const schema = z.object({
  /** Its name in Raft's log: the instance's own, or one that a later incarnation was given through the log. */
  memberId: z.string().refine(isId),
  /** `started`: there has been a log. Without one it may have promised things that it has forgotten. */
  life: z.enum(['new', 'started']),
  /**
   * It still has to be taken into the swarm: in the place of `former`, if it was a member before it lost its data.
   * `votes`: that one did, so it shall.
   */
  admission: z.object({ former: z.string().nullable(), votes: z.boolean().exactOptional() }).exactOptional(),
});

type Identity = Readonly<z.output<typeof schema>>;

/**
 * Whom an instance may come up as.
 *
 * - `member`: as it was, or as it was founded. `admission`: it still has to be taken in.
 * - `forgotten`: its data is gone, and what it promised with it: under `former` it could vote twice, or lose what it
 *   had acknowledged (openraft 2002, dragonboat 256). It must be enrolled under a new id.
 * - `unknown`: it never was a member.
 */
export type Standing =
  | { readonly kind: 'member'; readonly memberId: NodeId; readonly admission: PendingAdmission | undefined }
  | { readonly kind: 'forgotten'; readonly former: NodeId }
  | { readonly kind: 'unknown' };

export interface PendingAdmission {
  readonly former: NodeId | undefined;
  /** `former` did vote. False as well while nobody has looked. */
  readonly votes: boolean;
}

/** A member from the beginning: its id is its name. */
export function foundIdentity(folder: SwarmFolder, name: NodeId): void {
  saveIdentity(folder, name, { memberId: name, life: 'new' });
}

/** The id is new, and so must the log be; the swarm does not know it as a member yet. */
export function adoptIdentity(
  folder: SwarmFolder,
  name: NodeId,
  { memberId, former }: { readonly memberId: NodeId; readonly former: NodeId | undefined },
): void {
  saveIdentity(folder, name, { memberId, life: 'new', admission: { former: former ?? null } });
  saveIncarnation(folder, name, memberId);
}

/** The one in whose place it comes did vote. To be kept before that one is taken out, and nobody knows it any more. */
export function noteVote(folder: SwarmFolder, name: NodeId): void {
  const identity = loadIdentity(folder, name);
  if (identity?.admission === undefined || identity.admission.votes === true) return;
  saveIdentity(folder, name, { ...identity, admission: { ...identity.admission, votes: true } });
}

/** The swarm has taken it in. */
export function noteAdmission(folder: SwarmFolder, name: NodeId): void {
  const identity = loadIdentity(folder, name);
  if (identity?.admission === undefined) return;
  saveIdentity(folder, name, { memberId: identity.memberId, life: identity.life });
}

/** From now on a missing log is a lost one. Once the log is there, durably. */
export function confirmIdentity(folder: SwarmFolder, name: NodeId, memberId: NodeId): void {
  const identity = loadIdentity(folder, name);
  if (identity?.life !== 'started') saveIdentity(folder, name, { ...identity, memberId, life: 'started' });
  if (loadIncarnation(folder, name) !== memberId) saveIncarnation(folder, name, memberId);
}

/** What the instance's folder tells of it. `isFounder`: it belonged to the swarm from the beginning. */
export function standingOf(
  folder: SwarmFolder,
  name: NodeId,
  { isFounder }: { readonly isFounder: boolean },
): Standing {
  const identity = loadIdentity(folder, name);
  const hasLog = hasSegments(folder.wal(name));
  if (identity === undefined) {
    // A log without identity is of a release that kept none.
    if (hasLog) return { kind: 'member', memberId: name, admission: undefined };
    const former = loadIncarnation(folder, name) ?? (isFounder ? name : undefined);
    return former === undefined ? { kind: 'unknown' } : { kind: 'forgotten', former };
  }
  const memberId = identity.memberId as NodeId;
  if (identity.life === 'started' && !hasLog) return { kind: 'forgotten', former: memberId };
  const { admission } = identity;
  return {
    kind: 'member',
    memberId,
    admission: admission && {
      former: (admission.former ?? undefined) as NodeId | undefined,
      votes: admission.votes ?? false,
    },
  };
}

/** The id under which an instance of this machine is in Raft's log. */
export function memberIdOf(folder: SwarmFolder, name: NodeId): NodeId {
  return (loadIdentity(folder, name)?.memberId ?? name) as NodeId;
}

function loadIdentity(folder: SwarmFolder, name: NodeId): Identity | undefined {
  const path = folder.identity(name);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const read = readJsonText(text, schema);
  if (read.ok) return read.value;
  throw new SwarmError(
    'DATA_DAMAGED',
    `${path}:${read.line}:${read.column} does not say who this instance is: ${read.why}. Remove the folder, and it comes back as a new member`,
    { path },
  );
}

/** Who it was last. Kept apart from its data, so that it is known in whose place it comes when they are lost. */
function loadIncarnation(folder: SwarmFolder, name: NodeId): NodeId | undefined {
  try {
    const memberId = readFileSync(folder.incarnation(name), 'utf8').trim();
    return isId(memberId) ? (memberId as NodeId) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function saveIncarnation(folder: SwarmFolder, name: NodeId, memberId: NodeId): void {
  writeWhole(folder.incarnation(name), `${memberId}\n`, 0o600);
}

function saveIdentity(folder: SwarmFolder, name: NodeId, identity: Identity): void {
  writeWhole(folder.identity(name), `${JSON.stringify(identity)}\n`, 0o600);
}

function hasSegments(wal: string): boolean {
  return existsSync(wal) && readdirSync(wal).some((file) => file.endsWith('.wal'));
}
