#!/usr/bin/env node
import { reportError } from './report-error.ts';

// "raft-manager log | head": whoever read us has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  // A person waits for every hook: the commands take longer to load than it may take.
  if (process.argv.slice(2).join(' ') === 'hook') await (await import('../claude-code/main.ts')).answerHook();
  const { createProgram } = await import('./program.ts');
  await createProgram().parseAsync(process.argv);
} catch (error) {
  reportError(error);
}
