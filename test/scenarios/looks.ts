import { invariant } from '../../src/protocol/invariant.ts';
import type { Message } from '../../src/protocol/message.ts';
import type { Core } from '../../src/raft/core.ts';
import type { Progress } from '../../src/raft/progress.ts';
import type { MemoryDisk } from '../../src/storage/memory-disk.ts';

/** One node in one line: `leader at term 2, log 1 1 2, committed 3`. */
export function describeNode(core: Core): string {
  const { term, log } = core;
  return `${describeRole(core)} at term ${term}, ${describeLog(core)}, committed ${log.commitIndex}`;
}

function describeRole({ role }: Core): string {
  if (role.kind !== 'follower') return role.kind;
  return role.leaderId === undefined ? 'follower of nobody' : `follower of ${role.leaderId}`;
}

/** Terms of the entries; what a snapshot covers in front: `log (up to 6/2) 2 3`. */
function describeLog({ log }: Core): string {
  const terms = log.range(log.firstIndex, log.lastIndex).map((entry) => `${entry.term}`);
  const base = log.base.index === 0 ? [] : [`(up to ${log.base.index}/${log.base.term})`];
  const parts = [...base, ...terms];
  return parts.length === 0 ? 'log empty' : `log ${parts.join(' ')}`;
}

/** What a crash would leave. */
export function describeDisk(disk: MemoryDisk): string {
  const { hardState, base, entries, snapshot } = disk.recover();
  const parts = [
    ...(base.index === 0 ? [] : [`(up to ${base.index}/${base.term})`]),
    ...entries.map((entry) => `${entry.term}`),
  ];
  return [
    `term ${hardState.term}`,
    hardState.votedFor === undefined ? 'no vote' : `vote for ${hardState.votedFor}`,
    parts.length === 0 ? 'log empty' : `log ${parts.join(' ')}`,
    ...(snapshot === undefined ? [] : [`snapshot at ${snapshot.index}/${snapshot.term}`]),
  ].join(', ');
}

/** The leader's book of its peers, a line each. */
export function describeProgress({ id, role }: Core): readonly string[] {
  invariant(role.kind === 'leader', `${id} is a ${role.kind} and keeps no book of others`);
  return [...role.progress].map(([peer, progress]) => `of ${peer}: ${describeBook(progress)}`);
}

function describeBook(progress: Progress): string {
  const { mode, matchIndex } = progress;
  switch (mode) {
    case 'probe':
      return `probe, match ${matchIndex}, next ${progress.nextIndex}${progress.paused ? ', waits' : ''}`;
    case 'replicate':
      return `replicate, match ${matchIndex}, next ${progress.nextIndex}, ${progress.inflight.length} in flight`;
    case 'snapshot':
      return `snapshot at ${progress.pendingIndex}, match ${matchIndex}`;
  }
}

/** `n1→n2 append-request t2: after 3/1 [2 2], commit 3`. A place in a log is index/term. */
export function describeMessage(message: Message): string {
  const content = contentOf(message);
  const { from, to, type, term } = message;
  return `${from}→${to} ${type} t${term}${content === '' ? '' : `: ${content}`}`;
}

function contentOf(message: Message): string {
  switch (message.type) {
    case 'vote-request':
    case 'pre-vote-request':
      return `log ${message.lastLogIndex}/${message.lastLogTerm}${message.transfer ? ', handed over' : ''}`;
    case 'vote-response':
    case 'pre-vote-response':
      return message.granted ? 'granted' : 'refused';
    case 'append-request': {
      const { prevLogIndex, prevLogTerm, entries, commitIndex } = message;
      const terms = entries.map((entry) => entry.term).join(' ');
      return `after ${prevLogIndex}/${prevLogTerm} [${terms}], commit ${commitIndex}`;
    }
    case 'append-response': {
      const { result } = message;
      if (result.kind === 'accepted') return `holds ${result.matchIndex}`;
      return `lacks ${result.rejectedIndex}, may agree at ${result.hintIndex}/${result.hintTerm}`;
    }
    case 'heartbeat':
      return `round ${message.round}, commit ${message.commitIndex}`;
    case 'heartbeat-response':
      return `round ${message.round}`;
    case 'commit-notice':
      return `commit ${message.commitIndex}`;
    case 'read-request':
      return `read ${message.context}`;
    case 'read-response':
      return `read ${message.context} ${message.index === undefined ? 'refused' : `at ${message.index}`}`;
    case 'snapshot-chunk': {
      const { index, snapshotTerm, offset, data, totalBytes } = message;
      const bytes =
        data.length === 0 ? 'how much is there?' : `bytes ${offset}+${data.length} of ${totalBytes}`;
      return `snapshot ${index}/${snapshotTerm}, ${bytes}`;
    }
    case 'snapshot-answer':
      return `snapshot ${message.index} ${message.status}, holds ${message.heldBytes}`;
    case 'timeout-now':
    case 'proposal-forward':
    case 'proposal-receipt':
    case 'proposal-refusal':
      return '';
  }
}
