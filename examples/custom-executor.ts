// An instance with an executor of its own joins a swarm that runs shell scripts, and does what they cannot: prompts.
//
//   npx tsx examples/custom-executor.ts

import { createSwarm, joinSwarm, type Work } from 'raft-manager';

/** Counts what it is asked to count. */
const count: Work = async ({ prompt = '', attempt, note, signal }) => {
  const [, what = '', text] = /^count (words|lines) in: (.*)$/s.exec(prompt) ?? [];
  // What cannot succeed need not be tried again.
  if (text === undefined) return { failed: `cannot "${prompt}"`, next: 'final' };
  await note(`attempt ${attempt}: counting ${what}`);
  // The task was cancelled, or its lease is lost: nothing after this would be recorded.
  signal.throwIfAborted();
  return String(text.split(what === 'words' ? /\s+/ : '\n').length);
};

// In a project whose swarm is up ("raft-manager up"), joinSwarm() alone is enough.
const swarm = await createSwarm({ instances: 1 });
try {
  const counter = await joinSwarm({ dir: swarm.dir, name: 'counter', executor: count });
  try {
    const ids = await swarm.client.submit([
      { id: 'shell', run: 'printf "one two\\nthree" | wc -w' },
      { id: 'words', prompt: 'count words in: one two three four' },
      { id: 'lines', prompt: 'count lines in: one\ntwo' },
      { id: 'moon', prompt: 'fetch the moon' },
    ]);
    for (const { id, agent, state, output, reason } of await swarm.client.settled(ids)) {
      console.log(`${id} ${state} by ${agent}: ${(output || reason).trim()}`);
    }
  } finally {
    await counter.stop();
  }
} finally {
  await swarm.stop();
}
