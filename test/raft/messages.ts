import { type Entry, NO_DATA } from '../../src/protocol/entry.ts';
import { logIndex, nodeId, term } from '../../src/protocol/ids.ts';
import type {
  AppendRequest,
  AppendResponse,
  CommitNotice,
  Heartbeat,
  HeartbeatResponse,
  Message,
  ReadRequest,
  TimeoutNow,
  VoteRequest,
  VoteResponse,
} from '../../src/protocol/message.ts';

/** Messages as a story writes them: plain numbers and names, and what does not matter left out. */

interface Ends {
  readonly from: string;
  readonly to: string;
  readonly term: number;
}

function envelope(ends: Ends) {
  return { from: nodeId(ends.from), to: nodeId(ends.to), term: term(ends.term) };
}

/** Entries of the given terms behind `prevIndex`. */
export function entries(prevIndex: number, terms: readonly number[]): Entry[] {
  return terms.map((each, at) => ({
    index: logIndex(prevIndex + 1 + at),
    term: term(each),
    kind: 'command',
    data: NO_DATA,
  }));
}

interface AppendShape extends Ends {
  readonly prevIndex?: number;
  readonly prevTerm?: number;
  /** Terms of the entries carried. */
  readonly terms?: readonly number[];
  readonly commit?: number;
}

export function append(shape: AppendShape): AppendRequest {
  const { prevIndex = 0, prevTerm = 0, terms = [], commit = 0 } = shape;
  return {
    type: 'append-request',
    ...envelope(shape),
    prevLogIndex: logIndex(prevIndex),
    prevLogTerm: term(prevTerm),
    entries: entries(prevIndex, terms),
    commitIndex: logIndex(commit),
  };
}

export function accepted(shape: Ends & { readonly match: number }): AppendResponse {
  const result = { kind: 'accepted', matchIndex: logIndex(shape.match) } as const;
  return { type: 'append-response', ...envelope(shape), result };
}

interface RejectedShape extends Ends {
  readonly at: number;
  readonly hintIndex?: number;
  readonly hintTerm?: number;
}

export function rejected(shape: RejectedShape): AppendResponse {
  const { at, hintIndex = 0, hintTerm = 0 } = shape;
  return {
    type: 'append-response',
    ...envelope(shape),
    result: {
      kind: 'rejected',
      rejectedIndex: logIndex(at),
      hintIndex: logIndex(hintIndex),
      hintTerm: term(hintTerm),
    },
  };
}

interface VoteShape extends Ends {
  readonly lastIndex?: number;
  readonly lastTerm?: number;
  readonly transfer?: true;
}

function candidacy(shape: VoteShape) {
  return {
    ...envelope(shape),
    lastLogIndex: logIndex(shape.lastIndex ?? 0),
    lastLogTerm: term(shape.lastTerm ?? 0),
    transfer: shape.transfer === true,
  };
}

export function voteRequest(shape: VoteShape): VoteRequest {
  return { type: 'vote-request', ...candidacy(shape) };
}

export function preVoteRequest(shape: VoteShape): VoteRequest {
  return { type: 'pre-vote-request', ...candidacy(shape) };
}

type Answer = 'granted' | 'refused';

export function vote(shape: Ends & { readonly answer: Answer }): VoteResponse {
  return { type: 'vote-response', ...envelope(shape), granted: shape.answer === 'granted' };
}

export function preVote(shape: Ends & { readonly answer: Answer }): VoteResponse {
  return { type: 'pre-vote-response', ...envelope(shape), granted: shape.answer === 'granted' };
}

export function heartbeat(shape: Ends & { readonly commit?: number; readonly round?: number }): Heartbeat {
  const { commit = 0, round = 0 } = shape;
  return { type: 'heartbeat', ...envelope(shape), commitIndex: logIndex(commit), round };
}

interface HeartbeatAnswer extends Ends {
  readonly round?: number;
  readonly standing?: HeartbeatResponse['standing'];
}

export function heartbeatAnswer(shape: HeartbeatAnswer): HeartbeatResponse {
  const { round = 0, standing = 'eligible' } = shape;
  return { type: 'heartbeat-response', ...envelope(shape), round, standing };
}

export function commitNotice(shape: Ends & { readonly commit: number }): CommitNotice {
  return { type: 'commit-notice', ...envelope(shape), commitIndex: logIndex(shape.commit) };
}

export function readRequest(shape: Ends & { readonly context: number }): ReadRequest {
  return { type: 'read-request', ...envelope(shape), context: shape.context };
}

export function timeoutNow(shape: Ends): TimeoutNow {
  return { type: 'timeout-now', ...envelope(shape) };
}

/** A message in one line, for comparing what was said with what was expected. */
export function told(message: Message): string {
  return `${message.from}→${message.to} ${message.type} t${message.term}${contentOf(message)}`;
}

function contentOf(message: Message): string {
  switch (message.type) {
    case 'append-request': {
      const terms = message.entries.map((entry) => entry.term).join(',');
      return ` ${message.prevLogIndex}/${message.prevLogTerm} [${terms}] c${message.commitIndex}`;
    }
    case 'append-response':
      return message.result.kind === 'accepted'
        ? ` accepted ${message.result.matchIndex}`
        : ` rejected ${message.result.rejectedIndex}`;
    case 'vote-response':
    case 'pre-vote-response':
      return message.granted ? ' granted' : ' refused';
    case 'commit-notice':
      return ` c${message.commitIndex}`;
    case 'read-response':
      return ` ${message.context}: ${message.index ?? 'refused'}`;
    default:
      return '';
  }
}
