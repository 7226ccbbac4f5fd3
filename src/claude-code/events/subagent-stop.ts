import { endSubagent, type Subagent } from '../../swarm/claude-session.ts';
import { type Answer, NOTHING } from '../answer.ts';
import { giveBack, retireUnhosted } from '../give-back.ts';
import type { HookInput } from '../input.ts';
import { runPost } from '../post.ts';
import { GLANCE, namesOf, type Session } from '../session.ts';

/** A subagent has ended: its leases go back, its node goes, and its post hook runs. */
export async function onSubagentStop(input: HookInput, session: Session): Promise<Answer> {
  const { agentId, agentType } = input;
  if (agentId === undefined || agentType === undefined || !session.hasState) return NOTHING;
  const { isFirst, subagent } = endSubagent(session.folder, agentId);
  if (!isFirst) return NOTHING;
  // The post hook runs whatever becomes of the leases.
  const [post, left] = await Promise.allSettled([
    runPost(input, session, { agentType, task: subagent?.call?.task ?? '', success: 'true' }),
    leave(session, subagent),
  ]);
  if (post.status === 'rejected') throw post.reason;
  if (left.status === 'rejected') throw left.reason;
  return post.value;
}

async function leave(session: Session, subagent: Subagent | undefined): Promise<void> {
  if (subagent === undefined) return;
  await session.talk(GLANCE, async (node) => {
    await giveBack(node, namesOf(subagent), 'the subagent has ended');
    await retireUnhosted(node, session, [subagent]);
  });
}
