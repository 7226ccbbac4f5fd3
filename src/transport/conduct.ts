import type { Millis, NodeId, Term } from '../protocol/ids.ts';
import {
  MAX_STALE_MESSAGES_PER_MINUTE,
  MAX_TERM_JUMP,
  MAX_TERM_RAISES_PER_MINUTE,
} from '../protocol/limits.ts';
import type { Message } from '../protocol/message.ts';
import type { Ballot } from '../protocol/misconduct.ts';

const WINDOW_MS = 60_000;

interface Conduct {
  since: Millis;
  raises: number;
  stale: number;
  /** The last term in which it spoke as leader. */
  ledTerm: Term | undefined;
}

/** Looks at what members say of terms and votes, before the node hears it. */
export interface ConductWatch {
  /** Why `from` is to be cut off, and its frame not heard; undefined: nothing is wrong. */
  observe(from: NodeId, messages: readonly Message[]): string | undefined;
}

export interface ConductOptions {
  readonly self: NodeId;
  readonly now: () => Millis;
  readonly onBallot: (ballot: Ballot) => void;
}

/**
 * Counts, by member and minute, terms that rise and messages of terms that are over. Pre-votes speak of terms that
 * nobody has entered, and count for neither.
 */
export function createConductWatch({ self, now, onBallot }: ConductOptions): ConductWatch {
  const conducts = new Map<NodeId, Conduct>();
  /** The highest term that anybody has spoken of. */
  let highest = 0;

  const conductOf = (member: NodeId): Conduct => {
    const time = now();
    const known = conducts.get(member);
    if (known !== undefined && time - known.since < WINDOW_MS) return known;
    const fresh: Conduct = { since: time, raises: 0, stale: 0, ledTerm: known?.ledTerm };
    conducts.set(member, fresh);
    return fresh;
  };
  const look = (conduct: Conduct, from: NodeId, message: Message): string | undefined => {
    const { term } = message;
    if (term > highest) {
      if (term - highest > MAX_TERM_JUMP) return `it speaks of term ${term} where ${highest} is the latest`;
      highest = term;
      conduct.raises += 1;
      if (conduct.raises > MAX_TERM_RAISES_PER_MINUTE)
        return `it has begun ${conduct.raises} terms within a minute`;
    } else if (term < highest) {
      conduct.stale += 1;
      if (conduct.stale > MAX_STALE_MESSAGES_PER_MINUTE)
        return `it has sent ${conduct.stale} messages of terms that are over within a minute`;
    }
    noteBallot(conduct, from, message);
    return undefined;
  };
  const noteBallot = (conduct: Conduct, from: NodeId, message: Message): void => {
    const { term, type } = message;
    if (type === 'append-request' || type === 'heartbeat') {
      if (conduct.ledTerm === term) return;
      conduct.ledTerm = term;
      onBallot({ term, voter: from, candidate: from });
    } else if (type === 'vote-request') onBallot({ term, voter: from, candidate: from });
    else if (type === 'vote-response' && message.granted) onBallot({ term, voter: from, candidate: self });
  };

  return {
    observe(from, messages) {
      const conduct = conductOf(from);
      for (const message of messages) {
        if (message.type === 'pre-vote-request' || message.type === 'pre-vote-response') continue;
        const why = look(conduct, from, message);
        if (why !== undefined) return why;
      }
      return undefined;
    },
  };
}
