import { SwarmError } from '../protocol/errors.ts';
import { MAX_INSTANCES } from '../protocol/limits.ts';
import { accept, type Change, dropInstance, refuse } from './change.ts';
import type { TaskCommand, TaskResult, TaskSpec } from './command.ts';
import { takeBack } from './instance.ts';
import type { AnnounceCommand, EnrolCommand, RaiseLevelCommand, RetireCommand } from './member-command.ts';
import { RECORD_LEVEL } from './records.ts';
import type { Member } from './state.ts';

/** From here on members have ids and addresses in the log. */
export const ANNOUNCE_LEVEL = 2;

/** From here on the log speaks of turns, usage and budgets, and of instances that are given nothing. */
export const USAGE_LEVEL = 3;

/** The level at which each kind of command appeared; 1 where nothing is said. */
const LEVELS: Partial<Record<TaskCommand['kind'], number>> = {
  enrol: ANNOUNCE_LEVEL,
  announce: ANNOUNCE_LEVEL,
  retire: ANNOUNCE_LEVEL,
  checkpoint: ANNOUNCE_LEVEL,
  'save-turn': USAGE_LEVEL,
  progress: USAGE_LEVEL,
  record: RECORD_LEVEL,
};

const BUDGET_FIELDS: readonly (keyof TaskSpec)[] = ['model', 'maxTurns', 'maxTokens', 'maxCostMicros'];

/** What this release understands. */
export const LATEST_LEVEL = RECORD_LEVEL;

/**
 * False for a command that some member may not know yet: it is then no command to anybody, so that members of
 * two releases come to the same state. Raising the level is known to all that it speaks of.
 */
export function isKnownAt(level: number, command: TaskCommand): boolean {
  return levelOf(command) <= level;
}

/** The level at which the command became one, with all that is said in it. */
export function levelOf(command: TaskCommand): number {
  if (command.kind === 'register' && command.capacity === 0) return USAGE_LEVEL;
  return speaksOfUsage(command) ? USAGE_LEVEL : (LEVELS[command.kind] ?? 1);
}

/** Fields that an older release does not know make it no command to it. */
function speaksOfUsage(command: TaskCommand): boolean {
  switch (command.kind) {
    case 'submit':
      return command.tasks.some((spec) => BUDGET_FIELDS.some((field) => spec[field] !== undefined));
    case 'complete':
    case 'release':
      return command.usage !== undefined;
    case 'fail':
      return command.usage !== undefined || command.code !== undefined;
    case 'configure':
      return command.maxTokens !== undefined || command.maxCostMicros !== undefined;
    default:
      return false;
  }
}

export function raiseLevel(change: Change, { level }: RaiseLevelCommand): TaskResult<'raise-level'> {
  const { state, hash, events } = change;
  checkLevel(level);
  if (level > state.level) {
    state.level = level;
    hash.integer(level);
    events.push({ type: 'level', level });
  }
  return accept({ level: state.level });
}

/**
 * Whoever went on past a level that it does not know would call commands malformed that the others carry out.
 *
 * @throws SwarmError WRONG_PROTOCOL
 */
export function checkLevel(level: number): void {
  if (level <= LATEST_LEVEL) return;
  throw new SwarmError(
    'WRONG_PROTOCOL',
    `the log is at level ${level}, and this release knows up to ${LATEST_LEVEL}: install the release that the other nodes run`,
  );
}

/** A node that was wiped and comes again gets another id: what it had promised under the old one is forgotten. */
export function enrol(change: Change, { name }: EnrolCommand): TaskResult<'enrol'> {
  if (change.state.members.size >= MAX_INSTANCES) {
    return refuse('LIMIT_EXCEEDED', `${MAX_INSTANCES} members are enrolled, which is the most there may be`);
  }
  const memberId = `${name}.${change.index}`;
  putMember(change, { id: memberId, name, url: undefined }, 'enrolled');
  return accept({ memberId });
}

/** Founding members were never enrolled: the first announcement takes them in. */
export function announce(change: Change, { memberId, url }: AnnounceCommand): TaskResult<'announce'> {
  const known = change.state.members.get(memberId);
  if (known?.url !== url) {
    putMember(change, { id: memberId, name: known?.name ?? memberId, url }, 'announced');
  }
  return accept({ memberId });
}

export function retire(change: Change, { memberId }: RetireCommand): TaskResult<'retire'> {
  const { state, hash, events } = change;
  if (state.members.delete(memberId)) {
    hash.value(memberId);
    events.push({ type: 'member', memberId, change: 'retired' });
  }
  takeBack(change, { holder: memberId, cause: 'lost', why: 'was removed from the swarm' });
  if (state.instances.has(memberId)) dropInstance(change, memberId);
  return accept({ memberId });
}

function putMember({ state, hash, events }: Change, member: Member, change: 'enrolled' | 'announced'): void {
  state.members.set(member.id, member);
  hash.value(member);
  events.push({ type: 'member', memberId: member.id, change });
}
