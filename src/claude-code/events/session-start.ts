import { appendFileSync } from 'node:fs';
import { forgetSession, noteSeen, readSeen } from '../../swarm/claude-session.ts';
import type { Answer } from '../answer.ts';
import { type HookInput, textOf } from '../input.ts';
import { briefFor, GLANCE, ownNames, type Session } from '../session.ts';
import { changesLine, coordinatorLine, countsLine, heldLine, readyLine, reservedLine } from '../words.ts';

/** A session begins or comes back: it learns who it is, what it still holds, and what happened meanwhile. */
export async function onSessionStart(input: HookInput, session: Session): Promise<Answer> {
  nameShells(session);
  // Nobody's subagents outlive the process that ran them; while a conversation is compacted, they go on.
  if (textOf(input.fields, 'source') !== 'compact') forgetSession(session.folder);
  const names = ownNames(session);
  const since = readSeen(session.folder);
  const [swarm, brief] = await session.talk(GLANCE, async (node) => [
    node.swarm,
    await briefFor(node, names, since ?? null),
  ]);
  noteSeen(session.folder, brief.appliedIndex);
  const lines = [
    coordinatorLine(swarm, brief),
    `You work as ${session.holder}.`,
    heldLine(brief),
    countsLine(brief),
    readyLine(brief),
    reservedLine(brief, names),
    changesLine(brief),
  ];
  return {
    kind: 'context',
    event: 'SessionStart',
    text: lines.filter((line) => line !== undefined).join('\n'),
  };
}

/** What the session's shells claim and reserve is the session's, too. */
function nameShells({ environment, holder }: Session): void {
  const { CLAUDE_ENV_FILE: file } = environment;
  if (file !== undefined && file !== '') appendFileSync(file, `export RAFT_MANAGER_AGENT=${holder}\n`);
}
