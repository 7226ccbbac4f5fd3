import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';
import { lockFolder } from '../storage/folder-lock.ts';

const schema = z.strictObject({
  format: z.literal(1),
  /** By real path. */
  files: z.record(
    z.string(),
    z.strictObject({
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      decision: z.enum(['allowed', 'denied']),
      decidedAt: z.string(),
    }),
  ),
});

type TrustFile = z.output<typeof schema>;
export type TrustDecision = TrustFile['files'][string];

/**
 * - `packaged`: one of the files this package ships, to the byte.
 * - `changed`: a person decided on other content of this file; it must be asked again.
 */
export type TrustVerdict = 'allowed' | 'denied' | 'packaged' | 'changed' | 'unknown';

/** The file whose hooks would run, with the hash of the very bytes they were read from. */
export interface HookSource {
  readonly path: string;
  readonly sha256: string;
}

const LOCK_PATIENCE_MS = 5_000;
const LOCK_PAUSE_MS = 10;

/**
 * Where decisions are kept: `RAFT_MANAGER_TRUST_DIR`, else below the user's own state folder. Outside any
 * repository, so that no repository can allow itself.
 *
 * @throws SwarmError BAD_INPUT when `RAFT_MANAGER_TRUST_DIR` depends on the current folder.
 */
export function trustFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const { RAFT_MANAGER_TRUST_DIR: named = '', XDG_STATE_HOME = '', HOME = '' } = environment;
  if (named !== '') {
    if (isAbsolute(named)) return named;
    throw new SwarmError(
      'BAD_INPUT',
      `RAFT_MANAGER_TRUST_DIR must be an absolute path, not "${named}": a repository could bring its own`,
    );
  }
  if (isAbsolute(XDG_STATE_HOME)) return join(XDG_STATE_HOME, 'raft-manager');
  // Not `os.homedir()`: it believes an empty HOME, and the current folder would be home.
  const home = isAbsolute(HOME) ? HOME : userInfo().homedir;
  return join(home, '.local', 'state', 'raft-manager');
}

/** What a person on this machine decided about agent files, by real path and content. */
export class TrustStore {
  readonly #folder: string;
  readonly #file: string;
  readonly #packaged: ReadonlySet<string>;

  /** `packaged`: hashes of the agent files that come with this package. */
  constructor(folder: string, packaged: Iterable<string> = []) {
    this.#folder = folder;
    this.#file = join(folder, 'trust.json');
    this.#packaged = new Set(packaged);
  }

  /** @throws SwarmError DATA_DAMAGED when the decisions cannot be read. */
  check({ path, sha256 }: HookSource): TrustVerdict {
    const decision = this.#read().files[realPath(path)];
    if (decision !== undefined && decision.sha256 === sha256) return decision.decision;
    if (this.#packaged.has(sha256)) return 'packaged';
    return decision === undefined ? 'unknown' : 'changed';
  }

  /**
   * @throws SwarmError DISK_FAILED when the word cannot be kept (no room, no permission); what was decided before stays.
   */
  allow(source: HookSource): Promise<void> {
    return this.#decide(source, 'allowed');
  }

  /** @throws SwarmError DISK_FAILED, as `allow`. */
  deny(source: HookSource): Promise<void> {
    return this.#decide(source, 'denied');
  }

  /** Every decision, by path. */
  list(): readonly (TrustDecision & { readonly path: string })[] {
    return Object.entries(this.#read().files)
      .map(([path, decision]) => ({ path, ...decision }))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  async #decide({ path, sha256 }: HookSource, decision: TrustDecision['decision']): Promise<void> {
    const file = realPath(path);
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      await this.#exclusively(() => {
        const { files } = this.#read();
        const decided = { sha256, decision, decidedAt: new Date().toISOString() };
        this.#write({ format: 1, files: { ...files, [file]: decided } });
      });
    } catch (error) {
      throw isSystemError(error) ? notKept(this.#folder, error) : error;
    }
  }

  /** Two processes that decide at once must not lose each other's word. */
  async #exclusively(work: () => void): Promise<void> {
    const unlock = await this.#lock();
    try {
      work();
    } finally {
      unlock();
    }
  }

  async #lock(): Promise<() => void> {
    for (const deadline = performance.now() + LOCK_PATIENCE_MS; ; ) {
      try {
        return lockFolder(this.#folder);
      } catch (error) {
        if (!isCode(error, 'DATA_LOCKED') || performance.now() > deadline) throw error;
      }
      await delay(LOCK_PAUSE_MS);
    }
  }

  #read(): TrustFile {
    const text = this.#readText();
    if (text === undefined) return { format: 1, files: {} };
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw new SwarmError(
      'DATA_DAMAGED',
      `${this.#file} cannot be read as a list of decisions; mend it, or remove it and decide again`,
    );
  }

  /** Undefined when nothing was decided yet. */
  #readText(): string | undefined {
    try {
      // Who may write to the folder may put another file into it.
      readPrivate(this.#folder, () => undefined);
      return readPrivate(this.#file, (fd) => readFileSync(fd, 'utf8'));
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined;
      if (error instanceof SwarmError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new SwarmError(
        'DATA_DAMAGED',
        `the decisions about hooks cannot be read: ${reason}; mend that first`,
      );
    }
  }

  #write(content: TrustFile): void {
    const draft = `${this.#file}.draft`;
    // Flushed: after a power cut the name must not stand for an empty file.
    writeFileSync(draft, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600, flush: true });
    chmodSync(draft, 0o600);
    renameSync(draft, this.#file);
  }
}

/**
 * Reads what only its owner can have written.
 *
 * @throws SwarmError DATA_DAMAGED when others could have.
 */
function readPrivate<T>(path: string, read: (fd: number) => T): T {
  const fd = openSync(path, 'r');
  try {
    const { mode, uid } = fstatSync(fd);
    const [own, root] = [process.getuid?.() ?? uid, 0];
    if (uid !== own && uid !== root) {
      throw new SwarmError(
        'DATA_DAMAGED',
        `${path} belongs to another user (uid ${uid}), so its word counts for nothing; remove it, or set RAFT_MANAGER_TRUST_DIR to a folder of your own`,
      );
    }
    if ((mode & 0o022) !== 0) {
      throw new SwarmError(
        'DATA_DAMAGED',
        `${path} can be written by others, so its word counts for nothing; look at what it says, then run: chmod go-w ${path}`,
      );
    }
    return read(fd);
  } finally {
    closeSync(fd);
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isCode(error, 'ENOENT')) throw new SwarmError('BAD_INPUT', `${path} does not exist`);
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The file system said no: all else is a bug of ours, or tells its reason already. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}

function notKept(folder: string, { message }: Error): SwarmError {
  return new SwarmError(
    'DISK_FAILED',
    `nothing was decided, because ${folder} cannot keep it: ${message}; mend that, or set RAFT_MANAGER_TRUST_DIR to a folder of your own`,
    { folder },
  );
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
