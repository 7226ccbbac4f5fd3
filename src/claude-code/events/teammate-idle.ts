import { offerOnce } from '../../swarm/claude-session.ts';
import { type Answer, NOTHING } from '../answer.ts';
import { type HookInput, textOf } from '../input.ts';
import { briefFor, GLANCE, namesIn, type Session } from '../session.ts';

/** A teammate that would go idle is offered the next ready task: each task once, so that it may also decline. */
export async function onTeammateIdle(input: HookInput, session: Session): Promise<Answer> {
  const teammate = textOf(input.fields, 'teammate_name') ?? session.holder;
  const { ready } = await session.talk(GLANCE, (node) => briefFor(node, namesIn(session, input)));
  if (ready === null || !offerOnce(session.folder, teammate, ready.id)) return NOTHING;
  const offer = `Task ${ready.id} is ready and nobody works on it: "${ready.title}".`;
  const how =
    'Claim it with the tool task_next, do it, and report with task_update and the fence you were given.';
  return {
    kind: 'block',
    reason: `${offer} ${how} If it is not for you, stop: it will not be offered to you again.`,
  };
}
