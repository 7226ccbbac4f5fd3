import type { CallToolResult } from '@modelcontextprotocol/server';
import { type ErrorCode, SwarmError } from '../protocol/errors.ts';

/** What a tool says: data for programs, and one line on which a model can act that sees nothing else. */
export interface Answer<Data> {
  readonly data: Data;
  readonly text: string;
}

/** What can be done about an error, for those codes where that is more than to read the message. */
const NEXT_STEPS: Partial<Record<ErrorCode, string>> = {
  NOT_RUNNING:
    'Run "raft-manager up" in the project, or ask the person to. Then call again: this server finds the swarm by itself. Do not act as if the call had worked.',
  NO_QUORUM:
    'No majority of the voters answers. Wait some seconds and call again; swarm_status says which nodes are down. Do not act as if the call had worked.',
  OUTCOME_UNKNOWN:
    'It may have been carried out or not. Look with task_list and the taskId before you repeat it.',
  BUSY: 'Wait a second and call again.',
  STALE_FENCE:
    'Stop working on it and write none of its files: it is over, or somebody else has it. Call task_next for other work.',
  NOT_CLAIMABLE: 'Look at it with task_list, or take the best ready task: task_next without taskId.',
  UNKNOWN_DOCUMENT: 'Look up the names with crdt and action "list".',
  UNKNOWN_TASK: 'Look up the ids with task_list.',
  DUPLICATE_TASK: 'Choose other ids, or leave them out. A submission that is repeated needs its first key.',
  UNKNOWN_DEPENDENCY: 'Submit what it depends on before it or with it.',
  CYCLIC_DEPENDENCY: 'Leave out one of the dependencies that are named.',
  WRONG_STATE: 'Look at it with task_list and the taskId.',
  RESERVED:
    'Do not write these files. Take other ones or another task, or wait until the holder that is named releases them.',
  UNKNOWN_RESERVATION: 'It was released or ran out already; there is nothing left to do.',
  PAUSED: 'A person has paused the swarm. Wait, or ask the person to run "raft-manager swarm resume".',
  BUDGET_EXHAUSTED: 'Tell the person: what is left of the budget is theirs to decide.',
  LIMIT_EXCEEDED: 'Do less at once, or wait until others are done.',
  BAD_INPUT: 'Correct the arguments and call again; nothing was changed.',
};

const OTHERWISE = 'Read the message; do not repeat the call unchanged.';

export function resultOf({ data, text }: Answer<Readonly<Record<string, unknown>>>): CallToolResult {
  return { content: [{ type: 'text', text }], structuredContent: data };
}

export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly next: string;
}

/** An error as a model is to read it. One that is no `SwarmError` is a bug of ours. */
export function faultOf(error: unknown): Fault {
  if (error instanceof SwarmError) {
    const { code, message } = error;
    return { code, message, next: NEXT_STEPS[code] ?? OTHERWISE };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'INTERNAL', message, next: OTHERWISE };
}

export function faultText({ code, message, next }: Fault): string {
  return `${code}: ${message}\nNext: ${next}`;
}

/**
 * Errors are results, so that the model sees them. The parts are in `_meta`: structured content must be what the tool
 * promises, also when it fails.
 */
export function errorResult(error: unknown): CallToolResult {
  const fault = faultOf(error);
  return {
    content: [{ type: 'text', text: faultText(fault) }],
    isError: true,
    _meta: { 'raft-manager/error': { ...fault } },
  };
}
