import { SwarmError } from '../../src/protocol/errors.ts';
import { InvariantError } from '../../src/protocol/invariant.ts';
import { Violation } from '../simulation/violation.ts';
import { COMMANDS } from './commands.ts';
import { Narrator } from './narrator.ts';
import { Opening } from './opening.ts';
import type { Stage } from './stage.ts';
import { parseStory, printStory, StoryError } from './story.ts';
import { Words } from './words.ts';

/**
 * Plays the scenario file `text` on real cores, and returns it with what really came of every block.
 *
 * A file opens with a remark, then says who takes part (`cluster`, `config`, `log`: see `opening.ts`) and what
 * happens (see `commands.ts`). `quietly` before a command keeps what comes of it to itself.
 *
 * @throws StoryError naming file and line: of what cannot be understood, and of what breaks a promise of Raft.
 */
export function playStory(path: string, text: string): string {
  const story = parseStory(path, text);
  const performance = new Performance();
  const outcomes = story.blocks.map(({ commands }) => {
    const lines = commands.flatMap((command) => {
      try {
        return performance.play(command.text);
      } catch (error) {
        throw located(error, `${path}:${command.line}: ${command.text}`);
      }
    });
    return lines.length === 0 ? ['nothing to see'] : lines;
  });
  return printStory(story, outcomes);
}

function located(error: unknown, place: string): unknown {
  const isOfStory =
    error instanceof StoryError ||
    error instanceof SwarmError ||
    error instanceof InvariantError ||
    error instanceof Violation;
  return isOfStory ? new StoryError(`${place}\n${error.message}`, { cause: error }) : error;
}

/** Reads commands and has them carried out. */
class Performance {
  readonly #narrator = new Narrator();
  readonly #opening = new Opening();
  #stage: Stage | undefined;

  /** Returns what is told of it. */
  play(text: string): readonly string[] {
    const words = new Words(text);
    const isQuiet = words.takeIf('quietly');
    const name = words.take('a command');
    if (!this.#opening.take(name, words)) this.#act(name, words);
    else if (this.#stage !== undefined) throw new StoryError('the play has begun');
    words.end();
    const lines = this.#narrator.take();
    return isQuiet ? [] : lines;
  }

  #act(name: string, words: Words): void {
    const command = COMMANDS[name];
    if (command === undefined) {
      const usages = Object.values(COMMANDS).map(({ usage }) => `  ${usage}`);
      throw new StoryError(`there is no command ${name}. There are:\n${usages.join('\n')}`);
    }
    this.#stage ??= this.#opening.raiseCurtain(this.#narrator);
    command.play({ stage: this.#stage, narrator: this.#narrator }, words);
    this.#stage.settleUnlessHeld();
  }
}
