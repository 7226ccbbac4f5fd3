/** Every bound of the system in one place: name with unit, value, reason. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** One command. A task with its environment and output fits; a model's transcript does not belong in a log. */
export const MAX_COMMAND_BYTES = 1 * MIB;

/** Entries in one append message: one follower write, and the most that is sent again after a loss. */
export const MAX_APPEND_BYTES = 512 * KIB;

/** Appends under way to one follower. Deeper pipelines only queue in the peer (hashicorp/raft 541). */
export const MAX_INFLIGHT_APPENDS = 64;
export const MAX_INFLIGHT_BYTES = 8 * MIB;

/** Entries the leader accepts beyond its commit index before it answers BUSY. */
export const MAX_UNCOMMITTED_BYTES = 64 * MIB;

/** Read requests that wait for one heartbeat round. */
export const MAX_PENDING_READS = 10_000;

/** One WebSocket frame between peers, and from a client. */
export const MAX_FRAME_BYTES = 16 * MIB;

/** Unsent bytes on one link before it is dropped and probed afresh: a slow peer must not fill memory. */
export const MAX_LINK_BUFFERED_BYTES = 32 * MIB;

/** Bytes of one WAL segment before the next is begun. */
export const MAX_SEGMENT_BYTES = 64 * MIB;

/** Commands a node holds for clients whose outcome is not known yet. */
export const MAX_PENDING_PROPOSALS = 100_000;
