import type { Answer } from '../answer.ts';
import { NOTHING } from '../answer.ts';
import type { HookInput } from '../input.ts';
import { PERSISTENCE, type Session } from '../session.ts';
import { submissionOf, taskOf } from '../task-list.ts';

/** An entry of Claude Code's own task list becomes a task of the swarm; said twice it is one. */
export async function onTaskCreated(input: HookInput, session: Session): Promise<Answer> {
  const task = taskOf(input, session.environment);
  if (task !== undefined) await session.talk(PERSISTENCE, (node) => node.propose(submissionOf(task)));
  return NOTHING;
}
