import type { EntryKind } from '../protocol/entry.ts';
import type { ProposalRefusal, SnapshotAnswer } from '../protocol/message.ts';
import type { Standing } from '../protocol/state.ts';

/**
 * The numbers of the peer protocol; `docs/wire.md` draws the frames. A number is never given a new
 * meaning: what an older node cannot read gets a new one, and raises `PROTOCOLS` (`protocol.ts`).
 */

/** First byte of every frame between peers. */
export const FRAME_FORMAT = 1;
/** The same with its number behind it. */
export const NUMBERED_FRAME_FORMAT = 2;

export const APPEND_REQUEST = 1;
export const APPEND_ACCEPTED = 2;
export const APPEND_REJECTED = 3;
export const VOTE_REQUEST = 4;
export const PRE_VOTE_REQUEST = 5;
export const VOTE_RESPONSE = 6;
export const PRE_VOTE_RESPONSE = 7;
export const HEARTBEAT = 8;
export const HEARTBEAT_RESPONSE = 9;
export const READ_REQUEST = 10;
export const READ_RESPONSE = 11;
export const TIMEOUT_NOW = 12;
export const PROPOSAL_FORWARD = 13;
export const PROPOSAL_RECEIPT = 14;
export const COMMIT_NOTICE = 15;
export const SNAPSHOT_CHUNK = 16;
export const SNAPSHOT_ANSWER = 17;
export const PROPOSAL_REFUSAL = 18;

export const NOOP_ENTRY = 0;
export const COMMAND_ENTRY = 1;
export const CONFIG_ENTRY = 2;

/** Position = number on the wire. */
export const ENTRY_KINDS: readonly EntryKind[] = ['noop', 'command', 'config'];
export const STANDINGS: readonly Standing[] = ['eligible', 'last-resort', 'never'];

/** Position = number on the wire. */
export const REFUSAL_CODES: readonly ProposalRefusal['code'][] = ['DISK_FULL'];

/** Position = number on the wire. */
export const SNAPSHOT_STATUSES: readonly SnapshotAnswer['status'][] = ['receiving', 'installed', 'refused'];

/** Frame format. */
export const FRAME_HEADER_BYTES = 1;
/** Message type, term. */
export const MESSAGE_HEADER_BYTES = 1 + 8;
/** Term, kind, length. The index is implied: entries of one append are contiguous. */
export const ENTRY_HEADER_BYTES = 8 + 1 + 4;
/** Length of a block. */
export const BLOCK_HEADER_BYTES = 4;
