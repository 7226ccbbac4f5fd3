import { resolve } from 'node:path';
import { mayMean } from '../../tasks/glob.ts';
import { type Answer, NOTHING } from '../answer.ts';
import { type HookInput, textOf } from '../input.ts';
import { pathInRepository } from '../place.ts';
import { briefFor, GLANCE, namesIn, type Session } from '../session.ts';
import { refusal } from '../words.ts';

/** Before a file is written: refused when somebody else has reserved it. */
export async function onFileEdit(input: HookInput, session: Session): Promise<Answer> {
  const named = textOf(input.toolInput, 'file_path') ?? textOf(input.toolInput, 'notebook_path');
  if (named === undefined) return NOTHING;
  const path = pathInRepository(resolve(input.cwd, named), session.project.project);
  if (path === undefined) return NOTHING;
  const names = namesIn(session, input);
  const { reservations } = await session.talk(GLANCE, (node) => briefFor(node, []));
  const inTheWay = reservations.find(
    ({ holder, paths }) => !names.includes(holder) && paths.some((pattern) => mayMean(pattern, path)),
  );
  return inTheWay === undefined ? NOTHING : { kind: 'deny', reason: refusal(path, inTheWay) };
}
