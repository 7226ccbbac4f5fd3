import { SwarmError } from '../../src/protocol/errors.ts';
import { parseTaskFile } from '../../src/swarm/task-file.ts';

/** The lines of the refusal, without `t.yaml:`; fails when there is none. */
export function refusal(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof SwarmError && error.code === 'BAD_INPUT') {
      return error.message.split('\n').map((line) => line.replace('t.yaml:', ''));
    }
    throw error;
  }
  throw new Error('nothing was refused');
}

export const faults = (text: string): readonly string[] => refusal(() => parseTaskFile('t.yaml', text));

/** A task list in which `lines` belong to task `a`, from line 3 and column 5 on. */
export const taskA = (...lines: string[]): string =>
  ['tasks:', '  - id: a', ...lines.map((line) => `    ${line}`)].join('\n');

/** Tasks of which each waits for the next in the file. */
export function chain(length: number): string {
  const tasks = Array.from({ length }, (_, index) => {
    const dependsOn = index + 1 < length ? `, dependsOn: [t${index + 1}]` : '';
    return `  - {id: t${index}, run: x${dependsOn}}`;
  });
  return ['tasks:', ...tasks].join('\n');
}
