import { z } from 'zod';
import { SwarmError } from '../../../../protocol/errors.ts';
import { runBash } from '../../../../shell/bash.ts';
import { failureOf } from '../../../../shell/failure.ts';
import type { Permissions } from './permissions.ts';
import { isGranted, mayBeDenied, simpleCommand } from './shell-words.ts';
import { type AgentTool, defineTool } from './tool.ts';

const DEFAULT_TIMEOUT_MS = 2 * 60 * 1000;
const MAX_TIMEOUT_MS = 10 * 60 * 1000;
const MAX_OUTPUT_CHARS = 30_000;

export interface ShellOptions {
  readonly cwd: string;
  /** All that a command gets: no key of ours is in it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Which commands an agent may run. */
export type ShellGrant =
  | { readonly kind: 'none' }
  | { readonly kind: 'all' }
  | { readonly kind: 'listed'; readonly allowed: readonly string[]; readonly denied: readonly string[] };

/**
 * What an agent file's rules come to. A denied command cannot be kept out of a whole shell, which has countless ways to run
 * it: such a rule leaves only the commands that are allowed by a pattern of their own.
 */
export function shellGrant(permissions: Permissions): ShellGrant {
  const grant = permissions.grantOf('Bash');
  const denied = permissions.deniedPatterns('Bash');
  if (grant.kind === 'some') return { kind: 'listed', allowed: grant.patterns, denied };
  return denied.length > 0 ? { kind: 'none' } : grant;
}

export function bashTool(grant: ShellGrant, options: ShellOptions): AgentTool | undefined {
  if (grant.kind === 'none') return undefined;
  return defineTool({
    name: 'Bash',
    description: `Runs a command with bash in the workspace. Each call is a new shell: neither a folder nor a variable outlives it, nor does anything in the background.${restriction(grant)}`,
    input: z.object({
      command: z.string().min(1).max(100_000),
      timeout: z.int().min(1).max(MAX_TIMEOUT_MS).optional().describe('in milliseconds; default 120000'),
      description: z.string().optional().describe('what it is for, in a few words'),
    }),
    async run({ command, timeout = DEFAULT_TIMEOUT_MS }, { signal }) {
      checkCommand(grant, command);
      // Who writes commands for a terminal does not expect the first failure to end them.
      const script = `set +e +u +o pipefail\n${command}\n`;
      const { end, output } = await runBash({ ...options, script, timeoutMs: timeout, signal });
      signal.throwIfAborted();
      const failure = failureOf(end, timeout);
      const said = tail(output);
      if (failure !== undefined) throw new SwarmError('BAD_INPUT', `${failure.reason}\n${said}`.trim());
      return said;
    },
  });
}

function restriction(grant: ShellGrant): string {
  return grant.kind === 'listed'
    ? ` One plain command at a time, without operators, variables or unquoted wildcards, and only: ${grant.allowed.join('; ')}.`
    : '';
}

/** @throws SwarmError BAD_INPUT */
function checkCommand(grant: ShellGrant, command: string): void {
  if (grant.kind !== 'listed') return;
  const words = simpleCommand(command);
  if (words === undefined) {
    throw new SwarmError(
      'BAD_INPUT',
      'only one plain command is allowed: no ; & | < > $ ` \\ ( ) { }, no unquoted * ? [ ~ # !, no second line',
    );
  }
  if (isGranted(grant.allowed, words) && !mayBeDenied(grant.denied, words)) return;
  throw new SwarmError('BAD_INPUT', `this command is not allowed; allowed are: ${grant.allowed.join('; ')}`);
}

/** The end: failures explain themselves in their last lines. */
function tail(output: string): string {
  if (output.length <= MAX_OUTPUT_CHARS) return output.trimEnd();
  const cut = output.slice(-MAX_OUTPUT_CHARS).replace(/^[\udc00-\udfff]/, '');
  return `[${output.length - cut.length} characters before this are not shown]\n${cut.trimEnd()}`;
}
