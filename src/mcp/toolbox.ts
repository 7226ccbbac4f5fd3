import { definitionOf, type Tool, type ToolDefinition } from './tool.ts';
import { crdt } from './tools/crdt.ts';
import { filesRelease } from './tools/files-release.ts';
import { filesReserve } from './tools/files-reserve.ts';
import { logTail } from './tools/log-tail.ts';
import { members } from './tools/members.ts';
import { quorum } from './tools/quorum.ts';
import { security } from './tools/security.ts';
import { swarmStatus } from './tools/swarm-status.ts';
import { taskList } from './tools/task-list.ts';
import { taskNext } from './tools/task-next.ts';
import { taskSubmit } from './tools/task-submit.ts';
import { taskUpdate } from './tools/task-update.ts';
import { verify } from './tools/verify.ts';

/** In the order in which they are needed, siblings last: one each, as every session pays for each of them. */
export const TOOLS: readonly Tool[] = [
  ...[swarmStatus, taskSubmit, taskNext, taskUpdate, taskList],
  ...[filesReserve, filesRelease, logTail, members, verify, quorum, crdt, security],
];

/** What every session pays: the definitions of all tools, as `tools/list` sends them. */
export interface Price {
  readonly tools: readonly ToolDefinition[];
  readonly characters: number;
  readonly tokens: number;
}

/** Tokenizers make fewer tokens of JSON in English than this says: four characters each, rather. */
const CHARACTERS_PER_TOKEN = 3.5;

export function priceOfAll(): Price {
  const definitions = TOOLS.map(definitionOf);
  const characters = JSON.stringify({ tools: definitions }).length;
  return { tools: definitions, characters, tokens: Math.ceil(characters / CHARACTERS_PER_TOKEN) };
}
