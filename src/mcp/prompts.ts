import type { GetPromptResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

/** Ways of working for people to choose, who see them as commands of their client. */
export function registerPrompts(server: McpServer): void {
  server.registerPrompt(
    'coordinate',
    {
      title: 'Coordinate',
      description: 'Split a goal into tasks, hand them to the swarm, and answer with what came of them.',
      argsSchema: z.object({ goal: z.string().describe('what is to be reached') }),
    },
    ({ goal }) => said(coordination(goal)),
  );
  server.registerPrompt(
    'recover',
    {
      title: 'Recover',
      description: 'Find out what is stuck in the swarm and get it going again.',
    },
    () => said(RECOVERY),
  );
}

function said(text: string): GetPromptResult {
  return { messages: [{ role: 'user', content: { type: 'text', text } }] };
}

function coordination(goal: string): string {
  return `Reach this goal with the swarm:

${goal}

1. Call swarm_status. Without a quorum, stop and say so.
2. Split the goal into tasks that can be done apart from each other, each with a prompt that needs no knowledge of this
   conversation. Say with dependsOn what must come first, and with requires who is able to do it.
3. Submit all of them in one task_submit, under a key of your choice: repeated under that key, nothing is submitted twice.
4. Do what nobody else takes: task_next, then the work, then task_update with the fence. Before you edit files that others
   may edit, call files_reserve, and files_release afterwards.
5. Follow the rest with task_list until every task has ended. One that is parked or blocked waits for a person: say for
   what.
6. Answer with the results of all tasks, by their ids, and with what failed and why.

A claim or a completion counts only when the call succeeded. After STALE_FENCE stop working on that task at once.`;
}

const RECOVERY = `Something in the swarm is stuck. Find out what, and get it going again:

1. swarm_status: is there a coordinator and a quorum? Without them nothing can be decided; members says which nodes are
   down. "raft-manager up" starts what is down on this machine. Wait for the quorum before anything else.
2. Is the swarm paused, or its budget used up? Both are a person's decision: report them.
3. task_list with the states failed, parked and blocked: read each reason, with its taskId also notes and output. A blocked
   task waits for the one that is named; "raft-manager task retry ID" gives another round to what failed or was parked,
   once the cause is gone.
4. task_list with the state running: a task whose agent is no member any more comes back by itself when its lease has run
   out. Cancel only what a person wants to be cancelled.
5. What you hold yourself (swarm_status says it) and do not work on: task_update with action release.
6. verify: do all nodes hold the same? A node that differs must be replaced by a person.

Answer with what was wrong, what you did, and what is left for a person to decide.`;
