import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../src/protocol/errors.ts';
import { logIndex, term } from '../../src/protocol/ids.ts';
import { CommandSession } from '../../src/swarm/session.ts';
import { decodeEnvelope } from '../../src/tasks/codec.ts';
import type { SubmitCommand, TaskResult } from '../../src/tasks/command.ts';
import { TaskMachine } from '../../src/tasks/machine.ts';

/** A log of its own with a machine behind it; `trouble` decides what happens to each command on the way. */
function openLog(trouble: (sent: number) => 'none' | 'lost before' | 'lost after') {
  const machine = new TaskMachine();
  let index = 0;
  let sent = 0;
  const sequences: (number | undefined)[] = [];
  const send = async (data: Uint8Array): Promise<TaskResult> => {
    sequences.push(decodeEnvelope(data)?.session?.sequence);
    const what = trouble(sent++);
    if (what === 'lost before') throw new SwarmError('NOT_LEADER', 'somebody else leads');
    index += 1;
    const { result } = machine.apply({ index: logIndex(index), term: term(1), kind: 'command', data });
    if (what === 'lost after') throw new SwarmError('OUTCOME_UNKNOWN', 'the answer was lost');
    return result;
  };
  return { machine, session: new CommandSession(send), sequences };
}

function submit(id: string): SubmitCommand {
  const spec = {
    id,
    title: id,
    run: 'true',
    requires: [],
    priority: 'normal',
    dependsOn: [],
    env: {},
  } as const;
  return { kind: 'submit', key: id, tasks: [spec] };
}

describe('a command session', () => {
  test('opens itself once, however many commands begin at the same time', async () => {
    const { session, machine, sequences } = openLog(() => 'none');
    await Promise.all([
      session.execute(submit('a')),
      session.execute(submit('b')),
      session.execute(submit('c')),
    ]);
    expect(sequences).toEqual([undefined, 1, 2, 3]);
    expect(machine.sessions.size).toBe(1);
  });

  const troubles = [
    { why: 'the command was lost', trouble: 'lost before' },
    { why: 'the answer was lost', trouble: 'lost after' },
  ] as const;
  test.each(troubles)('sends again under the same sequence when $why', async ({ trouble }) => {
    const { session, machine, sequences } = openLog((sent) => (sent === 1 || sent === 2 ? trouble : 'none'));
    const { taskIds } = await session.execute(submit('a'));
    expect(taskIds).toEqual(['a']);
    expect(sequences).toEqual([undefined, 1, 1, 1]);
    expect([...machine.tasks.keys()]).toEqual(['a']);
  });

  test('does not send again what the machine refused', async () => {
    const { session, sequences } = openLog(() => 'none');
    await expect(session.execute({ kind: 'cancel', taskId: 'x', reason: '' })).rejects.toMatchObject({
      code: 'UNKNOWN_TASK',
    });
    expect(sequences).toEqual([undefined, 1]);
  });

  test('gives up in time, and says that the outcome is not known', async () => {
    const session = new CommandSession(() => new Promise(() => undefined));
    await expect(session.execute(submit('a'), { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    });
  });
});
