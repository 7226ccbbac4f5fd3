import { forgetSession, listSubagents, noteSeen } from '../../swarm/claude-session.ts';
import { type Answer, NOTHING } from '../answer.ts';
import { giveBack, retireUnhosted } from '../give-back.ts';
import type { HookInput } from '../input.ts';
import type { Patience } from '../node-link.ts';
import { allNames, type Session } from '../session.ts';

/** All that hooks of this event have together is 1.5 s. */
const FAREWELL: Patience = { forMs: 1_000, knock: 'once' };

/** The session ends: what it and its subagents hold is somebody else's to do. */
export async function onSessionEnd(_input: HookInput, session: Session): Promise<Answer> {
  const names = allNames(session);
  const subagents = listSubagents(session.folder);
  forgetSession(session.folder);
  const index = await session.talk(FAREWELL, async (node) => {
    await retireUnhosted(node, session, subagents);
    return giveBack(node, names, 'its session ended');
  });
  noteSeen(session.folder, index);
  return NOTHING;
}
