import {
  beginSubagent,
  noteSubagent,
  type Subagent,
  subagentName,
  takeCall,
} from '../../swarm/claude-session.ts';
import { type Answer, NOTHING } from '../answer.ts';
import type { HookInput } from '../input.ts';
import type { NodeTalk } from '../node-link.ts';
import { briefFor, GLANCE, namesOf, ownNames, type Session } from '../session.ts';
import { coordinatorLine, heldLine, readyLine, reservedLine } from '../words.ts';

/** A subagent begins: it gets a name in the log, its host a node to start for it, and itself to know where it is. */
export async function onSubagentStart(input: HookInput, session: Session): Promise<Answer> {
  const { agentId, agentType } = input;
  if (agentId === undefined || agentType === undefined || !session.hasState) return NOTHING;
  const name = subagentName(agentType, agentId);
  // Before anything can go wrong: its end must find it.
  if (!beginSubagent(session.folder, { agentId, agentType, name })) return NOTHING;
  const call = takeCall(session.folder, agentType);
  const known: Subagent = { agentId, agentType, name, ...(call === undefined ? {} : { call }) };
  noteSubagent(session.folder, known);
  return session.talk(GLANCE, async (node) => {
    const [memberId, brief] = await Promise.all([
      enrol(node, name),
      briefFor(node, [...ownNames(session), name]),
    ]);
    const subagent = { ...known, memberId };
    noteSubagent(session.folder, subagent);
    const own = [...ownNames(session), ...namesOf(subagent)];
    const lines = [
      `You are ${memberId}, an agent of this swarm with a node of its own, which learns and does not vote.`,
      coordinatorLine(node.swarm, brief),
      heldLine(brief),
      readyLine(brief),
      reservedLine(brief, own),
      `With the command line, claim and reserve with --as ${memberId}: it is renewed while you work, and given back when you stop.`,
    ];
    return {
      kind: 'context',
      event: 'SubagentStart',
      text: lines.filter((line) => line !== undefined).join('\n'),
    };
  });
}

async function enrol(node: NodeTalk, name: string): Promise<string> {
  return (await node.propose({ kind: 'enrol', name })).memberId;
}
