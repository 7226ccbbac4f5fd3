import {
  chmodSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { SwarmError } from '../protocol/errors.ts';

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

/** Where decisions are kept: outside any repository, so that no repository can allow itself. */
export function trustFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const { RAFT_MANAGER_TRUST_DIR, XDG_STATE_HOME, HOME } = environment;
  if (RAFT_MANAGER_TRUST_DIR !== undefined && RAFT_MANAGER_TRUST_DIR !== '') return RAFT_MANAGER_TRUST_DIR;
  const state = XDG_STATE_HOME?.startsWith('/') ? XDG_STATE_HOME : join(HOME ?? homedir(), '.local', 'state');
  return join(state, 'raft-manager');
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

  allow(source: HookSource): Promise<void> {
    return this.#decide(source, 'allowed');
  }

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
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    await this.#exclusively(() => {
      const { files } = this.#read();
      const decided = { sha256, decision, decidedAt: new Date().toISOString() };
      this.#write({ format: 1, files: { ...files, [realPath(path)]: decided } });
    });
  }

  /** Two processes that decide at once must not lose each other's word. A folder is made by one of them only. */
  async #exclusively(work: () => void): Promise<void> {
    const lock = join(this.#folder, 'trust.lock');
    for (const deadline = performance.now() + LOCK_PATIENCE_MS; ; ) {
      try {
        mkdirSync(lock);
        break;
      } catch (error) {
        if (!isCode(error, 'EEXIST')) throw error;
        if (performance.now() > deadline) {
          throw new SwarmError(
            'DATA_LOCKED',
            `${lock} is held by another process; if none is at work, remove it`,
          );
        }
      }
      await delay(LOCK_PAUSE_MS);
    }
    try {
      work();
    } finally {
      rmdirSync(lock);
    }
  }

  #read(): TrustFile {
    let text: string;
    try {
      if ((statSync(this.#file).mode & 0o022) !== 0) {
        throw new SwarmError(
          'DATA_DAMAGED',
          `${this.#file} can be written by others, so its word counts for nothing; run "chmod 600 ${this.#file}"`,
        );
      }
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      if (isCode(error, 'ENOENT')) return { format: 1, files: {} };
      throw error;
    }
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw new SwarmError(
      'DATA_DAMAGED',
      `${this.#file} cannot be read as a list of decisions; mend it, or remove it and decide again`,
    );
  }

  #write(content: TrustFile): void {
    const draft = `${this.#file}.${process.pid}.draft`;
    writeFileSync(draft, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
    chmodSync(draft, 0o600);
    renameSync(draft, this.#file);
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

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
