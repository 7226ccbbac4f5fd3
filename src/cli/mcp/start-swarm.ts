import { spawn } from 'node:child_process';
import { type ErrorCode, SwarmError } from '../../protocol/errors.ts';
import { RAFT_MANAGER } from '../node-command.ts';

/** As much of what the command says as an error needs. */
const MAX_WORDS = 4_000;
const ERROR_LINE = /^raft-manager: (.*) \[([A-Z_]+)\]$/m;

/**
 * Runs "up" for this project, and keeps to itself what that prints: standard output belongs to a protocol. In a process
 * of its own, so that this one answers meanwhile. Somebody else may do so at the same moment: one of them wins.
 *
 * @throws SwarmError that the command ended with.
 */
export async function startSwarm(project: {
  readonly project: string;
  readonly state: string;
}): Promise<void> {
  const [program = process.execPath, ...args] = RAFT_MANAGER;
  const child = spawn(program, [...args, 'up', '--dir', project.state], {
    cwd: project.project,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text);
    words = (words + text).slice(-MAX_WORDS);
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (exitCode === 0) return;
  const [, message = `"raft-manager up" ended with exit code ${exitCode}`, code = 'NOT_RUNNING'] =
    ERROR_LINE.exec(words) ?? [];
  if (code !== 'ALREADY_RUNNING') throw new SwarmError(code as ErrorCode, message);
}
