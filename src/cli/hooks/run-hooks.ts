import { loadAgentFile } from '../../agents/load.ts';
import { SwarmError } from '../../protocol/errors.ts';
import { runHooks } from '../../swarm/hook-trial.ts';
import { printLine } from '../reach.ts';
import { EXIT } from '../report-error.ts';

interface ManualRun {
  readonly file: string;
  readonly phase: string;
  readonly task: string;
  readonly success: 'true' | 'false';
}

/** Runs the hooks of one phase in this terminal, under the same rules as around a task. */
export async function runHooksByHand({ file, phase, task, success }: ManualRun): Promise<void> {
  if (phase !== 'pre' && phase !== 'post') {
    throw new SwarmError('BAD_INPUT', `expected "pre" or "post", not "${phase}"`);
  }
  const definition = await loadAgentFile(file);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const report = await runHooks(definition, {
    phase,
    task,
    outcome: success === 'true' ? 'succeeded' : 'failed',
    signal: interrupted.signal,
    onOutput: (text) => process.stdout.write(text),
  });
  if (definition.hooks[phase].length === 0) return printLine(`${definition.name} has no ${phase} hook`);
  if (report.outcome === 'succeeded') return;
  process.stderr.write(`raft-manager: ${phase} hook ${report.outcome}: ${report.reason ?? ''}\n`);
  process.exitCode = EXIT.failed;
}
