import { loadAgentFile } from '../../agents/load.ts';
import { hookEnvironment, inheritedEnvironment } from '../../hooks/environment.ts';
import { runHook } from '../../hooks/runner.ts';
import { SwarmError } from '../../protocol/errors.ts';
import { decideHooks } from '../../swarm/hook-policy.ts';
import { locateProject } from '../../swarm/layout.ts';
import { printLine } from '../reach.ts';
import { EXIT } from '../report-error.ts';

interface ManualRun {
  readonly file: string;
  readonly phase: string;
  readonly task: string;
  readonly success: 'true' | 'false';
}

/** Runs the hooks of one phase in this terminal, under the same rules as around a task. */
export async function runHooks({ file, phase, task, success }: ManualRun): Promise<void> {
  if (phase !== 'pre' && phase !== 'post') {
    throw new SwarmError('BAD_INPUT', `expected "pre" or "post", not "${phase}"`);
  }
  const definition = await loadAgentFile(file);
  const policy = await decideHooks(definition, true);
  if (policy.kind === 'denied') throw new SwarmError('HOOK_DENIED', policy.reason);
  if (definition.hooks[phase].length === 0) return printLine(`${definition.name} has no ${phase} hook`);
  const place = locateProject(undefined, process.env, process.cwd());
  const context = {
    TASK: task,
    TASK_ID: 'by-hand',
    AGENT_ID: definition.name,
    AGENT_NAME: definition.name,
    SWARM_ID: '',
    SESSION_ID: '',
    RAFT_TERM: '0',
    RAFT_LEADER: '',
    RAFT_ROLE: '',
    FENCE: '0',
    RAFT_MANAGER_DIR: place.named ?? place.state,
  };
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const report = await runHook({
    phase,
    scripts: definition.hooks[phase],
    environment: hookEnvironment(
      phase === 'post' ? { ...context, SUCCESS: success } : context,
      inheritedEnvironment(process.env),
    ),
    cwd: process.cwd(),
    signal: interrupted.signal,
    onOutput: (text) => process.stdout.write(text),
  });
  if (report.outcome === 'succeeded') return;
  process.stderr.write(`raft-manager: ${phase} hook ${report.outcome}: ${report.reason ?? ''}\n`);
  process.exitCode = EXIT.failed;
}
