import { type Outcome, SwarmError } from '../protocol/errors.ts';
import type { NodeId } from '../protocol/ids.ts';
import type { Message } from '../protocol/message.ts';
import type { Ballot, Misconduct, MisconductKind } from '../protocol/misconduct.ts';
import { createBans } from './bans.ts';
import { decodeMessages } from './codec-decode.ts';
import { createConductWatch } from './conduct.ts';
import { faultOf } from './frame-fault.ts';
import { type Sequence, take } from './sequence.ts';

export interface ScreeningOptions {
  readonly self: NodeId;
  readonly onTrouble: (error: SwarmError) => void;
  readonly onMisconduct: (misconduct: Misconduct) => void;
  readonly onBallot: (ballot: Ballot) => void;
}

/** What stands between the frames of members and the node. */
export interface Screening {
  /** The messages of one frame; or why the link must be closed. Its sender is kept out for a while then. */
  read(from: NodeId, frame: Uint8Array, incoming: Sequence | undefined): Outcome<readonly Message[]>;
  /** Why a member that sent what no node sends is kept out for now; undefined: it is not. */
  banOf(member: NodeId): string | undefined;
}

export function createScreening(options: ScreeningOptions): Screening {
  const { self, onMisconduct, onTrouble } = options;
  const now = () => performance.now();
  const conduct = createConductWatch({ ...options, now });
  const bans = createBans(now);
  const cutOff = (from: NodeId, kind: MisconductKind, error: SwarmError): Outcome<never> => {
    bans.add(from);
    onTrouble(error);
    onMisconduct({ kind, subject: `member ${from}`, detail: error.message });
    return { ok: false, error };
  };
  return {
    read(from, frame, incoming) {
      const decoded = decodeMessages(frame, { from, to: self }, take(incoming));
      if (!decoded.ok) return cutOff(from, faultOf(decoded.error), decoded.error);
      const why = conduct.observe(from, decoded.value);
      if (why === undefined) return decoded;
      return cutOff(from, 'term-flood', new SwarmError('MALFORMED', `${from} is cut off: ${why}`));
    },
    banOf(member) {
      const left = bans.leftFor(member);
      if (left === 0) return undefined;
      return `${member} sent what no node sends, and is kept out for ${Math.ceil(left / 1_000)} s`;
    },
  };
}
