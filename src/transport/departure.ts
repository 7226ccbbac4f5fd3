import type { Message } from '../protocol/message.ts';
import { isSpokenAt } from './protocol.ts';

/** The messages of one turn, as they leave over one link. */
export interface Departure {
  /** One frame, first. */
  readonly prompt: readonly Message[];
  /** Pieces of a snapshot: each a frame of its own, behind everything else. */
  readonly bulk: readonly Message[];
  /** What the other end is too old to read; stays here. */
  readonly foreign: readonly Message[];
}

const NONE: readonly Message[] = [];

/**
 * Who leaves when. A heartbeat in one frame with a piece of a snapshot would be heard when the whole piece has
 * arrived, and over a slow line that is an election later.
 */
export function arrange(messages: readonly Message[], protocol: number): Departure {
  // Nearly every turn, and then without an allocation.
  if (messages.every((message) => isPrompt(message, protocol))) {
    return { prompt: messages, bulk: NONE, foreign: NONE };
  }
  const foreign = messages.filter(({ type }) => !isSpokenAt(protocol, type));
  const readable = messages.filter(({ type }) => isSpokenAt(protocol, type));
  return { prompt: readable.filter((message) => !isBulk(message)), bulk: readable.filter(isBulk), foreign };
}

function isPrompt(message: Message, protocol: number): boolean {
  return isSpokenAt(protocol, message.type) && !isBulk(message);
}

function isBulk(message: Message): boolean {
  return message.type === 'snapshot-chunk' && message.data.length > 0;
}
