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

/**
 * Room on the disk that is left for what is under way: with less, commands are refused. As much as may be
 * uncommitted; of a disk under 1.25 GiB a twentieth.
 */
export const DISK_RESERVE_BYTES = 64 * MIB;

/** A sync that takes longer does not come back: the disk is given up, and the others go on. */
export const MAX_SYNC_MS = 60_000;

/** Entries applied in one go: 20 ms or so, a fraction of a heartbeat. Links and timers have their turn between two. */
export const MAX_APPLIED_AT_ONCE = 1_000;

/**
 * A node snapshots its state when what it has applied since the last one is this much, or half as much as that one. What
 * is behind the last one is applied again at a start, by a process that is cold: so much takes a third of a second.
 */
export const SNAPSHOT_EVERY_BYTES = 4 * MIB;
export const SNAPSHOT_EVERY_ENTRIES = 10_000;

/**
 * Entries kept in the log behind a snapshot: a follower that was away for some seconds needs none. All of them are read
 * at a start.
 */
export const SNAPSHOT_TAIL_BYTES = 8 * MIB;
export const SNAPSHOT_TAIL_ENTRIES = 20_000;

/** One piece of a snapshot, made in one go: the event loop goes on between two. */
export const MAX_SNAPSHOT_PIECE_BYTES = 256 * KIB;

/** Bytes of a snapshot in one message. One is under way at a time, so that heartbeats never queue behind many. */
export const MAX_SNAPSHOT_CHUNK_BYTES = 256 * KIB;

/** Commands a node holds for clients whose outcome is not known yet. */
export const MAX_PENDING_PROPOSALS = 100_000;
export const MAX_PENDING_PROPOSAL_BYTES = 128 * MIB;

/** Reads that wait on one node for their barrier. */
export const MAX_WAITING_READS = 100_000;

/** Whoever was refused for lack of room should let so much time pass. */
export const BUSY_RETRY_AFTER_MS = 100;

// The task machine

/** Tasks in one submission. */
export const MAX_TASKS_PER_SUBMISSION = 2_000;

/** Tasks that are not finished. A submission beyond it is refused. */
export const MAX_LIVE_TASKS = 100_000;

/** Finished tasks kept for people to look at; the oldest are dropped first. */
export const MAX_FINISHED_TASKS = 10_000;

/** Characters of output and notes kept with finished tasks: ten thousand full outputs would not fit a heap. */
export const MAX_HISTORY_CHARS = 256 * MIB;

export const MAX_DEPENDENCIES = 1_000;
export const MAX_CAPABILITIES = 100;
export const MAX_ENV_VARIABLES = 64;
export const MAX_ENV_CHARS = 8 * KIB;

/** Prompt or shell script of one task. */
export const MAX_WORK_CHARS = 256 * KIB;

/** One line for people: titles, reasons. */
export const MAX_LINE_CHARS = 500;

/** Output of an attempt, and each stream of a hook. What runs a script keeps its end, and the log the start of what is longer still. */
export const MAX_OUTPUT_CHARS = 64 * KIB;
export const MAX_HOOK_RECORDS = 8;

/** Notes of one task; the oldest give way. */
export const MAX_NOTES = 50;
export const MAX_NOTE_CHARS = 4 * KIB;

/** State of an executor that is kept in the log; what is larger lies beside it. */
export const MAX_TURN_STATE_BYTES = 16 * KIB;

/** Such states of all open tasks together: they are in every snapshot. Beyond it states lie beside the log. */
export const MAX_KEPT_STATE_BYTES = 64 * MIB;

/** One content beside the log: it goes over the wire in one frame. */
export const MAX_BLOB_BYTES = 8 * MIB;

/** Contents that open tasks name, and what one node stores, those nobody names yet included. */
export const MAX_NAMED_BLOB_BYTES = 512 * MIB;
export const MAX_STORED_BLOB_BYTES = 1024 * MIB;

/** Turns of one attempt, tokens and millionths of a dollar: far from where a double loses count. */
export const MAX_TURNS = 10_000;
export const MAX_USAGE = 10 ** 12;

/** What an executor says in one go; more is cut at the front. */
export const MAX_PROGRESS_CHARS = 4 * KIB;

/** Voters that the quorum manager chooses at most: seven bear three losses, and every decision waits for four of them. */
export const MAX_VOTERS = 7;

/** Registered instances. */
export const MAX_INSTANCES = 2_000;
export const MAX_CAPACITY = 1_000;

/** Items of one assign or renew command: a command must not hold up the ones behind it. */
export const MAX_BATCH = 1_000;

/** Client sessions; the one idle longest gives way. */
export const MAX_SESSIONS = 4_096;

/** Answers one session has not acknowledged. More are refused until it does. */
export const MAX_SESSION_RESULTS = 1_024;

/** Idempotency keys, answered claims and closed sessions remembered; the oldest are forgotten. */
export const MAX_REMEMBERED = 10_000;

/** Losses of a worker before a task is parked: it may be what kills them. */
export const MAX_LOSSES = 5;

/** Attempts of a task that names no `retries`. */
export const DEFAULT_ATTEMPTS = 3;
export const MAX_ATTEMPTS = 100;

/** Between two comparisons of what the members have come to. */
export const DEFAULT_VERIFY_MS = 60_000;

export const DEFAULT_LEASE_MS = 5 * 60 * 1000;
export const MIN_LEASE_MS = 100;
export const MAX_LEASE_MS = 7 * 24 * 60 * 60 * 1000;

/** Pause before the second attempt; it doubles with every failure up to the cap. */
export const RETRY_BASE_MS = 500;
export const RETRY_CAP_MS = 60_000;

/** What siblings keep in the log: values by name, each in every snapshot. */
export const MAX_RECORDS = 20_000;
export const MAX_RECORD_CHARS = 512 * KIB;
export const MAX_ALL_RECORD_CHARS = 64 * MIB;
export const MAX_RECORD_WRITES = 64;

/** The audit log: so many records, of which each has less than 1 KiB; the oldest are dropped for newer ones. */
export const MAX_AUDIT_RECORDS = 2_000;
/** Of one subject and kind a node writes one record in this time, and counts in between. */
export const AUDIT_WINDOW_MS = 60_000;
/** Subjects and kinds that one node tells apart at a time; who comes after them is counted as "others". */
export const MAX_AUDIT_TALLIES = 32;
/** Records that one command appends. */
export const MAX_AUDIT_BATCH = 16;

/** Terms of which it is remembered who voted for whom: more elections are not held between two comparisons. */
export const MAX_BALLOT_TERMS = 64;
/** Between two comparisons of what the members have seen of votes. */
export const BALLOT_COMPARISON_MS = 60_000;

/** Shared documents outside the log: each lies in the memory and on the disk of every instance. */
export const MAX_CRDT_DOCUMENTS = 1_000;

/** What several who were apart may have made together; one more is not taken in. */
export const MAX_CRDT_MERGED_DOCUMENTS = 2 * MAX_CRDT_DOCUMENTS;

/** One document as Yjs writes it down: it is written anew and compared as a whole, in some 20 ms. */
export const MAX_CRDT_DOCUMENT_BYTES = 2 * MIB;

/** What several who were apart may have made of one together; more is not taken in. */
export const MAX_CRDT_MERGED_BYTES = 8 * MIB;

/** One value in a document, and its levels; the parser of Yjs recurses. */
export const MAX_CRDT_VALUE_CHARS = 16 * KIB;
export const MAX_CRDT_VALUE_DEPTH = 16;

/** Elements of one set or list: a set is looked through when an element leaves it. Characters of one text. */
export const MAX_CRDT_ELEMENTS = 20_000;
export const MAX_CRDT_TEXT_CHARS = 512 * KIB;

/** Fields of one document, their names, and levels of or-maps inside each other. */
export const MAX_CRDT_FIELDS = 1_000;
export const MAX_CRDT_NAME_CHARS = 128;
export const MAX_CRDT_DEPTH = 4;

/** Operations of one request. */
export const MAX_CRDT_OPERATIONS = 1_000;

/** Updates in one frame between two instances: a slow line brings it over in the time that an answer may take. */
export const MAX_CRDT_FRAME_BYTES = 1 * MIB;

/** State of a document that a checkpoint keeps in the log: with Base64 and the rest it fits a record. */
export const MAX_CRDT_CHECKPOINT_BYTES = 372 * KIB;

/** Requests of clients that wait for a document to change. */
export const MAX_CRDT_WATCHERS = 256;

/** Notes on the swarm's blackboard; whoever writes one takes the oldest away. */
export const MAX_BLACKBOARD_NOTES = 200;

/** Reservations, and patterns of one: every new one is compared with all that are held. */
export const MAX_RESERVATIONS = 1_000;
export const MAX_PATTERNS = 32;
export const MAX_PATTERN_CHARS = 256;

/** One agent file; the largest found in the wild is under 100 KiB. A bigger one is refused unread. */
export const MAX_AGENT_FILE_BYTES = 512 * KIB;

/** Characters of frontmatter, hook scripts included; the largest found in the wild has 3,850. */
export const MAX_FRONTMATTER_CHARS = 64 * KIB;

/**
 * Lexical pieces (words, indicators, line breaks) of one frontmatter. Parsing costs up to 5 µs for each, and an instance
 * that reads a file beside a voter may not stop its event loop for 50 ms; the largest frontmatter found in the wild has 645.
 */
export const MAX_FRONTMATTER_TOKENS = 6_000;
/** Both of all attempts at one frontmatter together, which is parsed again when it was mended. */
export const MAX_FRONTMATTER_CHARS_READ = 2 * MAX_FRONTMATTER_CHARS;
export const MAX_FRONTMATTER_TOKENS_READ = 8_000;

/** Keys of one frontmatter, at every level together. */
export const MAX_FRONTMATTER_KEYS = 500;

/** Levels of lists and maps inside each other; `yaml` recurses, and runs out of stack at about 800. */
export const MAX_FRONTMATTER_DEPTH = 100;

/** Blank lines in a row in frontmatter: gray-matter's comment pattern is quadratic in them. */
export const MAX_FRONTMATTER_BLANK_LINES = 100;

/** Lines of a file that is indented as a whole: each is moved to the margin, and must be found again. */
export const MAX_INDENTED_LINES = 10_000;

/** Agent files, folder entries and folder levels that one scan looks at: a link to `/` must end. */
export const MAX_AGENT_FILES = 2_000;
export const MAX_SCAN_ENTRIES = 20_000;
export const MAX_SCAN_DEPTH = 16;

/** The first frame of a link, sent by somebody who has not shown the token yet. */
export const MAX_HELLO_BYTES = 4 * KIB;

/** From the TCP connection to an accepted hello; a healthy loopback peer takes a few milliseconds. */
export const HELLO_DEADLINE_MS = 5_000;

/**
 * Connections without a good hello yet, at one time: all that strangers can hold open, some 20 KiB each. Beyond it those
 * that have waited longest give way. Fifty instances that start at once need 49 of them on each port, for milliseconds.
 */
export const MAX_UNGREETED = 512;
/** The same of one address elsewhere. On loopback only the bound above counts: the address is everybody's. */
export const MAX_UNGREETED_PER_ADDRESS = 64;

/** Clients of one node: every agent, terminal and dashboard of a large swarm. */
export const MAX_CLIENT_LINKS = 1_024;

/** Peers, clients and strangers of one port: what is over it is not even accepted. */
export const MAX_CONNECTIONS = 4_096;
/** The same of one address elsewhere: a host with 50 instances has 50 links to a node, and its people's clients. */
export const MAX_CONNECTIONS_PER_ADDRESS = 256;

/**
 * Requests and upgrades of one address elsewhere: at once, and a second after that. A host whose 50 instances come up
 * at once dials a node that is down six times each in the first second, then once a second.
 */
export const MAX_VISIT_BURST = 500;
export const MAX_VISITS_PER_SECOND = 100;

/**
 * The same on loopback, which all instances, hooks, commands and dashboards of a machine share: 50 instances that
 * start at once make 300 attempts at a port, 50 sessions with a hook every tenth of a second 500 a second. Beyond it
 * the only aim is that refusing costs less than serving.
 */
export const MAX_LOOPBACK_VISIT_BURST = 5_000;
export const MAX_LOOPBACK_VISITS_PER_SECOND = 1_000;

/**
 * Hellos of one address elsewhere that were refused for what they were (no secret, a wrong one, nothing at all): at
 * once, and a second after that. Somebody who copied the wrong token is told twenty times; a guesser gets nowhere.
 */
export const MAX_REFUSED_HELLO_BURST = 20;
export const MAX_REFUSED_HELLOS_PER_SECOND = 0.2;

/** Addresses of which it is remembered how much they asked; the one silent longest is forgotten. */
export const MAX_REMEMBERED_ADDRESSES = 4_096;

/**
 * A member that sends what no node sends is cut off, and from the second time on kept out for so long; doubled with each
 * time, and forgotten when it has behaved for ten minutes.
 */
export const FIRST_BAN_MS = 1_000;
export const MAX_BAN_MS = 60_000;
export const BAN_FORGOTTEN_AFTER_MS = 600_000;

/**
 * How far one message may lift the term, and how often one member may in a minute. An election takes tens of
 * milliseconds at least and needs a majority's pre-vote. Without a bound one lie would use up all terms there are.
 */
export const MAX_TERM_JUMP = 10 ** 9;
export const MAX_TERM_RAISES_PER_MINUTE = 120;
/** Messages of terms that are over, of one member in a minute: what waits in its sockets after a pause is less. */
export const MAX_STALE_MESSAGES_PER_MINUTE = 20_000;

/**
 * How long certificates of members last: replaced with a third of it left, so a month is there to notice that nobody signs.
 * A day is the least that leaves time to look; who is away for a year has to join anew.
 */
export const DEFAULT_CERTIFICATE_DAYS = 90;
export const MIN_CERTIFICATE_DAYS = 1;
export const MAX_CERTIFICATE_DAYS = 365;

/**
 * Certificates of members that have left, and join tokens that are used up or over, which the log keeps for people to look
 * at: some 2 KiB each, in every snapshot. Each session of a person is a member for a while.
 */
export const MAX_FORMER_CERTIFICATES = 1_000;
export const MAX_SPENT_TOKENS = 1_000;

/** A ping on every link; three without an answer and the link is dead, though TCP would wait for minutes. */
export const KEEP_ALIVE_INTERVAL_MS = 10_000;

/** A task file is read whole, and its values go to the log. */
export const MAX_TASK_FILE_BYTES = 4 * MIB;

/** Levels of syntax inside each other; a list in a task is at 9. The YAML composer recurses. */
export const MAX_TASK_FILE_DEPTH = 32;

/** Problems of one task file that are looked for. Each may be compared with the ids of all tasks; people read the first few. */
export const MAX_TASK_FILE_PROBLEMS = 50;

/** One attempt of a task. Longer than any single piece of work, and timers hold it. */
export const MAX_TIMEOUT_MS = 7 * 24 * 60 * 60 * 1000;

/** Instances that one machine starts for a swarm: each is a process with a port, a log and some 60 MiB. */
export const MAX_LOCAL_INSTANCES = 64;
