import { randomUUID } from 'node:crypto';
import type { TextBlockParam } from '@anthropic-ai/sdk/resources/messages';
import type { Execution } from '../port.ts';

type Told = Pick<Execution, 'title' | 'prompt' | 'taskId' | 'notes'>;

/** What begins the conversation: the task and the notes of earlier attempts, as data. */
export function taskMessage({ title, prompt = '', taskId, notes }: Told): TextBlockParam {
  const text = title === prompt || title === taskId ? prompt : `${title}\n\n${prompt}`;
  const parts = ['Do this task.', labelled('task', text), ...notesOf(notes)];
  return { type: 'text', text: parts.join('\n\n') };
}

/** What comes after the last completed turn, when somebody else goes on. */
export function resumedMessage(execution: Execution): TextBlockParam {
  const { instanceId, attempt, fence, coordinator, notes } = execution;
  const facts = `The attempt so far was broken off here. You are ${instanceId} now, attempt ${attempt}, under fence ${fence}; coordinator: ${coordinator ?? 'none elected now'}. Your reservations have ended with the earlier attempt, and files may have changed since. What you did after this point, if anything, is not told here. Go on.`;
  return { type: 'text', text: [facts, ...notesOf(notes)].join('\n\n') };
}

function notesOf(notes: Told['notes']): readonly string[] {
  if (notes.length === 0) return [];
  const text = notes.map(({ agent, text: said }) => `- ${agent}: ${said}`).join('\n');
  return ['Notes that were left with the task:', labelled('notes', text)];
}

/**
 * The lines around a text carry a number that nobody could have put into it, so that nothing in it can pretend to be its
 * end.
 */
function labelled(word: string, text: string): string {
  const label = `${word} ${randomUUID()}`;
  return `<<< begin ${label}\n${text}\n>>> end ${label}`;
}
