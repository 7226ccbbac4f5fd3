import { execFileSync } from 'node:child_process';
import { SwarmError } from '../../protocol/errors.ts';
import type { ReservationNotice } from '../../swarm/brief.ts';
import { listSubagents, readHost, sessionFolder, sessionHolder } from '../../swarm/claude-session.ts';
import { locateProject } from '../../swarm/layout.ts';
import { mayMean } from '../../tasks/glob.ts';
import type { PlaceOptions } from '../options.ts';
import { printJson, withSwarm } from '../reach.ts';
import { EXIT, exitCodeOf } from '../report-error.ts';
import { claimantName } from '../tasks/whoami.ts';

export interface GuardOptions extends PlaceOptions {
  readonly staged?: true;
  readonly as?: string;
  readonly timeout: number;
  readonly json?: true;
}

/** Room for the names of a commit that touches everything. */
const MAX_GIT_OUTPUT_BYTES = 256 * 1024 * 1024;

interface Refusal {
  readonly path: string;
  readonly by: ReservationNotice;
}

export async function executeGuard(given: readonly string[], options: GuardOptions): Promise<void> {
  const paths = options.staged ? [...given, ...stagedPaths()] : given;
  if (paths.length === 0 && !options.staged) throw new SwarmError('BAD_INPUT', 'name paths, or say --staged');
  const reservations = await reservationsOfOthers(options);
  const refused = paths.flatMap((path): Refusal[] => {
    const by = reservations?.find((one) => one.paths.some((pattern) => mayMean(pattern, path)));
    return by === undefined ? [] : [{ path, by }];
  });
  if (options.json) {
    const list = refused.map(({ path, by }) => ({
      path,
      reservation: by.id,
      holder: by.holder,
      until: by.until,
    }));
    printJson({ checked: reservations !== undefined, refused: list });
  } else for (const refusal of refused) process.stderr.write(`raft-manager: ${wordsFor(refusal)}\n`);
  if (refused.length > 0) process.exitCode = EXIT.failed;
}

/** Everything that is reserved by somebody else; undefined when nobody can say, which stops no commit. */
async function reservationsOfOthers(
  options: GuardOptions,
): Promise<readonly ReservationNotice[] | undefined> {
  const names = namesOf(options);
  try {
    const query = { kind: 'brief', holders: names, capabilities: [], since: null } as const;
    const { reservations } = await withSwarm(options, (client) =>
      client.query(query, { timeoutMs: options.timeout }),
    );
    return reservations.filter(({ holder }) => !names.includes(holder));
  } catch (error) {
    if (exitCodeOf(error) !== EXIT.unreachable) throw error;
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`raft-manager: reservations were not checked: ${why}\n`);
    return undefined;
  }
}

/** All names under which whoever commits may have reserved: their own, that of a task, those of a session of Claude Code. */
function namesOf({ as, dir }: GuardOptions): readonly string[] {
  const { AGENT_ID: instance, CLAUDE_CODE_SESSION_ID: session } = process.env;
  const names = [claimantName(as), ...(instance === undefined ? [] : [instance])];
  if (session === undefined) return names;
  const folder = sessionFolder(locateProject(dir, process.env, process.cwd()).state, session);
  const subagents = listSubagents(folder).flatMap(({ memberId, name }) => [name, memberId ?? name]);
  return [...names, sessionHolder(session), ...(readHost(folder)?.holders ?? []), ...subagents];
}

/** Both names of what was renamed. @throws SwarmError BAD_INPUT outside of a repository. */
function stagedPaths(): readonly string[] {
  try {
    const args = ['diff', '--cached', '--name-only', '--no-renames', '-z'];
    const output = execFileSync('git', args, {
      encoding: 'utf8',
      maxBuffer: MAX_GIT_OUTPUT_BYTES,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return output.split('\0').filter((path) => path !== '');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SwarmError('BAD_INPUT', `git cannot say what is staged: ${why.trim()}`);
  }
}

function wordsFor({ path, by: { holder, id, mode, paths, until } }: Refusal): string {
  const end =
    until === null ? 'until it is released' : `until ${new Date(until).toISOString()} unless it is renewed`;
  return `${path} is reserved by ${holder} (${id}, ${mode}: ${paths.join(' ')}) ${end}`;
}
