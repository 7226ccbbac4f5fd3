/** What an author got wrong in a scenario file, with the place. */
export class StoryError extends Error {
  override readonly name = 'StoryError';
}

interface Command {
  readonly line: number;
  readonly text: string;
}

/** Commands and what is expected to come of them; or only a remark. */
interface Block {
  readonly remarks: readonly string[];
  readonly commands: readonly Command[];
  readonly expected: readonly string[];
}

export interface Story {
  readonly path: string;
  readonly blocks: readonly Block[];
}

const RULE = '----';

/**
 * Reads a scenario: blocks between blank lines, each of `#` remarks, commands, a line of four dashes, and what
 * came of them.
 *
 * @throws StoryError where the first block is not a remark, or a remark stands between commands.
 */
export function parseStory(path: string, text: string): Story {
  const blocks: Block[] = [];
  let line = 1;
  for (const paragraph of text.trimEnd().split('\n\n')) {
    const lines = paragraph.split('\n');
    const found = parseBlock(lines, (at) => `${path}:${line + at}`, line);
    if (blocks.length === 0 && found.commands.length > 0) {
      throw new StoryError(`${path}:${line}: a story begins with a # remark of its own, and a blank line`);
    }
    blocks.push(found);
    line += lines.length + 1;
  }
  return { path, blocks };
}

function parseBlock(lines: readonly string[], place: (at: number) => string, firstLine: number): Block {
  const rule = lines.indexOf(RULE);
  const head = rule < 0 ? lines : lines.slice(0, rule);
  const remarks: string[] = [];
  const commands: Command[] = [];
  for (const [at, text] of head.entries()) {
    if (text.trim() === '') throw new StoryError(`${place(at)}: one blank line between two blocks`);
    if (!text.startsWith('#')) commands.push({ line: firstLine + at, text });
    else if (commands.length === 0) remarks.push(text);
    else throw new StoryError(`${place(at)}: remarks stand before the commands of their block`);
  }
  if (rule >= 0 && commands.length === 0) throw new StoryError(`${place(rule)}: nothing was done here`);
  return { remarks, commands, expected: rule < 0 ? [] : lines.slice(rule + 1) };
}

/** The file of `story`, had each block come to what `outcomes` says of it. */
export function printStory(story: Story, outcomes: readonly (readonly string[])[]): string {
  const paragraphs = story.blocks.map(({ remarks, commands }, at) => {
    if (commands.length === 0) return remarks;
    return [...remarks, ...commands.map(({ text }) => text), RULE, ...(outcomes[at] ?? [])];
  });
  return `${paragraphs.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
