import { isId } from '../../src/protocol/ids.ts';
import { type RaftConfigOverrides, raftConfig } from '../../src/raft/config.ts';
import type { Past } from './drive.ts';
import type { Narrator } from './narrator.ts';
import { Stage } from './stage.ts';
import { StoryError } from './story.ts';
import type { Words } from './words.ts';

type Setting = Readonly<Record<string, string | number | boolean>>;

interface Members {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  readonly strangers: readonly string[];
}

/**
 * What is said before the play begins:
 *
 * - `cluster NODE… [learners NODE…] [strangers NODE…]`: strangers are up, but belong to nobody yet
 * - `config [NODE] KEY=VALUE…`: see `RaftConfig`; for all nodes or for one
 * - `log NODE = TERM… [at term TERM]`: what its disk holds
 * - `seed NUMBER`: of the dice; default 1
 */
export class Opening {
  #members: Members = { voters: [], learners: [], strangers: [] };
  #seed = 1;
  #config: Setting = {};
  readonly #configs = new Map<string, Setting>();
  readonly #pasts = new Map<string, Past>();

  /** Takes `command` with its `words` in, if it is one of the opening. */
  take(command: string, words: Words): boolean {
    switch (command) {
      case 'cluster':
        this.#takeMembers(words);
        return true;
      case 'config':
        this.#takeConfig(words);
        return true;
      case 'log':
        this.#takeLog(words);
        return true;
      case 'seed':
        this.#seed = words.takeNumber('a seed');
        return true;
      default:
        return false;
    }
  }

  /** @throws StoryError when nobody votes. */
  raiseCurtain(narrator: Narrator): Stage {
    if (this.#members.voters.length === 0) throw new StoryError('first say who is there: cluster NODE…');
    return new Stage({
      ...this.#members,
      seed: this.#seed,
      configOf: (name) => raftConfig({ ...this.#config, ...this.#configs.get(name) } as RaftConfigOverrides),
      pastOf: (name) => this.#pasts.get(name),
      narrator,
    });
  }

  #takeMembers(words: Words): void {
    const groups = { voters: [] as string[], learners: [] as string[], strangers: [] as string[] };
    let group = groups.voters;
    while (!words.isEmpty) {
      const word = words.take('a node');
      if (word === 'learners' || word === 'strangers') group = groups[word];
      else if (isId(word)) group.push(word);
      else throw new StoryError(`${word} is no name of a node`);
    }
    this.#members = groups;
  }

  #takeConfig(words: Words): void {
    const node = words.next?.includes('=') === true ? undefined : this.#takeMember(words);
    const setting: Record<string, string | number | boolean> = {};
    while (!words.isEmpty) {
      const word = words.take('KEY=VALUE');
      const [, key, value] = /^(\w+)=(.+)$/.exec(word) ?? [];
      if (key === undefined || value === undefined) throw new StoryError(`${word} is not KEY=VALUE`);
      setting[key] = settingOf(value);
    }
    if (node === undefined) this.#config = setting;
    else this.#configs.set(node, setting);
  }

  #takeLog(words: Words): void {
    const node = this.#takeMember(words);
    words.takeOf(['=']);
    const log: number[] = [];
    while (!words.isEmpty && words.next !== 'at') log.push(words.takeNumber('the term of an entry'));
    let term = log.at(-1) ?? 0;
    if (words.takeIf('at')) {
      words.takeOf(['term']);
      term = words.takeNumber('the term of the node');
    }
    this.#pasts.set(node, { log, term });
  }

  #takeMember(words: Words): string {
    const name = words.take('a node');
    const { voters, learners, strangers } = this.#members;
    if ([...voters, ...learners, ...strangers].includes(name)) return name;
    throw new StoryError(`there is no node ${name}`);
  }
}

function settingOf(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^\d+$/.test(text) ? Number(text) : text;
}
