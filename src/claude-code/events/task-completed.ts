import { randomUUID } from 'node:crypto';
import { type ErrorCode, SwarmError } from '../../protocol/errors.ts';
import type { TaskJson } from '../../tasks/task.ts';
import { type Answer, NOTHING } from '../answer.ts';
import type { HookInput } from '../input.ts';
import type { NodeTalk } from '../node-link.ts';
import { namesIn, PERSISTENCE, type Session } from '../session.ts';
import { type ListedTask, submissionOf, taskOf } from '../task-list.ts';

/**
 * An entry of Claude Code's task list is done: so is the task of the swarm. What somebody else has completed, or
 * works on, is not completed a second time. Without a majority nothing is: it could not be taken back.
 */
export async function onTaskCompleted(input: HookInput, session: Session): Promise<Answer> {
  const task = taskOf(input, session.environment);
  if (task === undefined) return NOTHING;
  const names = namesIn(session, input);
  return session.talk(PERSISTENCE, (node) => complete(node, task, names));
}

/** What a claim is refused with when the task is not there to be claimed. */
const LOOK_WHY: ReadonlySet<ErrorCode> = new Set(['NOT_CLAIMABLE', 'UNKNOWN_TASK', 'STALE_FENCE']);

async function complete(node: NodeTalk, task: ListedTask, names: readonly string[]): Promise<Answer> {
  try {
    // Named after the task, so that a repetition is given the same fence, and the same answer.
    await finish(node, task, await claim(node, task, { names, requestId: `complete-${task.id}` }));
    return NOTHING;
  } catch (error) {
    if (!(error instanceof SwarmError) || !LOOK_WHY.has(error.code)) throw error;
  }
  const record = await node.ask({ kind: 'task', id: task.id });
  return record === null ? completeUnknown(node, task, names) : completeAsItIs(node, record, { task, names });
}

/** Its creation was never heard of: there was no swarm at the time. */
async function completeUnknown(node: NodeTalk, task: ListedTask, names: readonly string[]): Promise<Answer> {
  await node.propose(submissionOf(task));
  await finish(node, task, await claim(node, task, { names, requestId: randomUUID() }));
  return NOTHING;
}

async function completeAsItIs(
  node: NodeTalk,
  { id, agent, fence, state, reason }: TaskJson,
  { task, names }: { readonly task: ListedTask; readonly names: readonly string[] },
): Promise<Answer> {
  const isOurs = agent !== null && names.includes(agent);
  switch (state) {
    case 'completed':
      return isOurs
        ? NOTHING
        : block(`${id} was completed by ${agent} already: drop what you have, and delete it from your list`);
    case 'assigned':
    case 'running':
      if (!isOurs || fence === null)
        return block(`${id} is ${agent}'s to complete: it works on it under fence ${fence}`);
      await finish(node, task, fence);
      return NOTHING;
    case 'queued':
      await finish(node, task, await claim(node, task, { names, requestId: randomUUID() }));
      return NOTHING;
    default:
      return block(
        `${id} is ${state}${reason === '' ? '' : ` (${reason})`}, and cannot be completed as it is`,
      );
  }
}

async function claim(
  node: NodeTalk,
  { id }: ListedTask,
  { names, requestId }: { readonly names: readonly string[]; readonly requestId: string },
): Promise<number> {
  const claimant = { id: names[0] ?? 'claude', capabilities: [] };
  return (await node.propose({ kind: 'claim', requestId, claimant, taskId: id })).fence;
}

async function finish(node: NodeTalk, { id }: ListedTask, fence: number): Promise<void> {
  const output = 'completed in the task list of a Claude Code session';
  await node.propose({ kind: 'complete', taskId: id, fence, output, hooks: [] });
}

function block(reason: string): Answer {
  return { kind: 'block', reason: `raft-manager: ${reason}.` };
}
