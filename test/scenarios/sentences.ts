import { decodeConfiguration } from '../../src/protocol/configuration-codec.ts';
import type { Entry } from '../../src/protocol/entry.ts';
import type { NodeId, Term } from '../../src/protocol/ids.ts';
import type { Configuration } from '../../src/protocol/state.ts';
import type { Core, Role } from '../../src/raft/core.ts';
import type { Effects, Event } from '../../src/raft/effects.ts';

/** What of a node is told when it changes. */
export interface Sight {
  readonly kind: Role['kind'];
  readonly leaderId: NodeId | undefined;
  readonly term: Term;
  readonly votedFor: NodeId | undefined;
  readonly membership: Configuration;
}

export function sightOf({ role, term, votedFor, membership }: Core): Sight {
  const leaderId = role.kind === 'follower' ? role.leaderId : undefined;
  return { kind: role.kind, leaderId, term, votedFor, membership };
}

interface Step {
  readonly event: Event;
  readonly before: Sight;
  /** As it is now. */
  readonly core: Core;
  readonly effects: Effects;
}

/** What a step did that can be seen: sentences without their subject, the node. */
export function deedsOf({ event, before, core, effects }: Step): readonly string[] {
  const after = sightOf(core);
  const roles = roleDeeds(before, after, core.id);
  const log = [...logDeeds(effects), ...commitDeeds(before, after, effects)];
  // Whoever resigns does so because of what was committed; otherwise somebody leads first, and then things happen.
  const isResigning = before.kind === 'leader' && after.term === before.term && after.leaderId === undefined;
  return [
    ...snapshotDeeds(event),
    ...(isResigning ? [...log, ...roles] : [...roles, ...log]),
    ...effects.snapshotsTo.map((peer) => `turned to its snapshot for ${peer}`),
    ...answers(effects),
  ];
}

function snapshotDeeds(event: Event): string[] {
  switch (event.type) {
    case 'snapshot-saved':
      return [`saved a snapshot at ${event.snapshot.index}/${event.snapshot.term}`];
    case 'snapshot-received':
      return [`received the snapshot at ${event.snapshot.index}/${event.snapshot.term}`];
    default:
      return [];
  }
}

function logDeeds({ restored, write }: Effects): string[] {
  const deeds: string[] = [];
  if (restored !== undefined) {
    deeds.push(`began anew behind the snapshot at ${restored.index}/${restored.term}`);
  }
  if (write?.truncateFrom !== undefined) deeds.push(`cut its log behind ${write.truncateFrom - 1}`);
  return deeds;
}

function commitDeeds(before: Sight, after: Sight, { committed, compactTo }: Effects): string[] {
  const deeds: string[] = [];
  if (before.membership !== after.membership) deeds.push(`went by ${describeMembers(after.membership)}`);
  if (committed.length > 0) deeds.push(`committed ${describeEntries(committed)}`);
  if (compactTo !== undefined) deeds.push(`dropped its log up to ${compactTo}`);
  return deeds;
}

function roleDeeds(before: Sight, after: Sight, id: NodeId): string[] {
  const deeds = [...endings(before, after), ...voteDeeds(before, after, id), ...beginnings(before, after)];
  const isTold = deeds.some((deed) => deed.endsWith(`at term ${after.term}`));
  return after.term === before.term || isTold ? deeds : [...deeds, `moved to term ${after.term}`];
}

function endings(before: Sight, after: Sight): string[] {
  if (before.kind === after.kind || after.kind !== 'follower') return [];
  if (before.kind === 'leader') return [`stepped down from term ${before.term}`];
  return after.leaderId === undefined ? ['lost the round'] : [];
}

function voteDeeds(before: Sight, { votedFor, term }: Sight, id: NodeId): string[] {
  const isNew = votedFor !== before.votedFor || term !== before.term;
  return votedFor !== undefined && votedFor !== id && isNew ? [`voted for ${votedFor} at term ${term}`] : [];
}

function beginnings(before: Sight, { kind, leaderId, term }: Sight): string[] {
  if (kind === 'follower') {
    const isNew = leaderId !== before.leaderId || term !== before.term;
    return leaderId !== undefined && isNew ? [`followed ${leaderId} at term ${term}`] : [];
  }
  if (kind === before.kind) return [];
  switch (kind) {
    case 'pre-candidate':
      return [`asked whether it would win term ${term + 1}`];
    case 'candidate':
      return [`stood for election at term ${term}`];
    case 'leader':
      return [`became leader at term ${term}`];
  }
}

function answers({ reads, transfer, membership }: Effects): string[] {
  const deeds = reads.map(({ context, index }) =>
    index === undefined ? `refused read ${context}` : `may serve read ${context} at index ${index}`,
  );
  if (transfer?.kind === 'handed-over') deeds.push(`handed over to ${transfer.target}`);
  else if (transfer !== undefined) deeds.push(`${transfer.kind} to hand over: ${transfer.reason}`);
  if (membership?.kind === 'unchanged') deeds.push('changed nothing: it is so already');
  if (membership?.kind === 'refused')
    deeds.push(`refused the change: ${membership.code}, ${membership.reason}`);
  return deeds;
}

/** `voters n1 n2 n4`; of a joint phase `voters n1 n2 n4 and n1 n2 n3`. Learners behind. */
export function describeMembers({ voters, votersOutgoing, learners, learnersNext }: Configuration): string {
  const halves = [voters, votersOutgoing].filter((half) => half.length > 0);
  const parts = [`voters ${halves.map((half) => half.join(' ')).join(' and ') || 'nobody'}`];
  if (learners.length > 0) parts.push(`learners ${learners.join(' ')}`);
  if (learnersNext.length > 0) parts.push(`next a learner ${learnersNext.join(' ')}`);
  return parts.join(', ');
}

/** Entries that say nothing are drawn together: `1–3, 4 "x"`. */
function describeEntries(entries: readonly Entry[]): string {
  const parts: string[] = [];
  let first: number | undefined;
  for (const [at, { index, kind, data }] of entries.entries()) {
    const label = kind === 'config' ? `(${describeMembers(decodeConfiguration(data))})` : labelOf(data);
    if (label !== '') {
      parts.push(`${index} ${label}`);
      continue;
    }
    first ??= index;
    const next = entries[at + 1];
    if (next !== undefined && next.kind !== 'config' && labelOf(next.data) === '') continue;
    parts.push(first === index ? `${index}` : `${first}–${index}`);
    first = undefined;
  }
  return parts.join(', ');
}

const LONGEST_LABEL = 60;

/** A command as the story wrote it; nothing for one of the set-up. */
export function labelOf(data: Uint8Array): string {
  if (data.length === 0) return '';
  if (data.length > LONGEST_LABEL) return `(${Math.round(data.length / 1024)}KB)`;
  return `"${new TextDecoder().decode(data)}"`;
}
