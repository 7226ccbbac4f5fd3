import { describe, expect, test } from 'vitest';
import { SwarmError } from '../../../src/protocol/errors.ts';
import { NO_USAGE } from '../../../src/tasks/usage.ts';
import { processesWith } from '../../shell/playground.ts';
import { agent, line, openGarden, type Step, USAGE, WORK } from './stand-in.ts';

describe('a session', () => {
  const interrupted: readonly Step[] = [...WORK.slice(0, 4), { killed: 'SIGKILL' }];
  const resumed: readonly Step[] = WORK.slice(4);

  test('is saved after each turn', async () => {
    const { execute, saved } = openGarden();
    await execute({ begun: interrupted });
    expect(saved).toMatchObject([{ turn: 1, usage: { turns: 1, inputTokens: 10, costMicros: 0 } }]);
  });

  test('is gone on with by the next attempt', async () => {
    const garden = openGarden();
    await garden.execute({ begun: interrupted });
    const more = [line.said('m2', [line.call('Edit', { file_path: 'roses' })]), line.answered];
    expect(await garden.execute({ resumed: [...more, ...resumed] })).toMatchObject({ outcome: 'completed' });
    expect(garden.saved.map(({ turn }) => turn)).toEqual([1, 2]);
    const [first, second] = garden.calls();
    const id = first?.args.find((arg) => arg.startsWith('--session-id='))?.split('=')[1];
    expect(second?.args).toContain(`--resume=${id}`);
    expect(second?.stdin).toContain('You were interrupted.');
  });

  test('that is gone is begun anew', async () => {
    const garden = openGarden();
    await garden.execute({ begun: interrupted });
    const { hearAll, said } = listening();
    const elsewhere = garden.saved.map((turn) => ({ ...turn, state: withOtherSession(turn.state) }));
    const end = await garden.execute(
      { begun: WORK },
      { checkpoint: { load: async () => elsewhere.at(-1), save: async () => undefined }, onOutput: hearAll },
    );
    expect(end).toMatchObject({ outcome: 'completed', output: 'The roses are pruned.' });
    expect(said()).toContain('the session of the earlier attempt is gone; beginning anew\n');
    expect(garden.calls().map(({ args }) => args[3]?.split('=')[0])).toEqual([
      '--session-id',
      '--resume',
      '--session-id',
    ]);
  });

  test.each<{ why: string; changed: object }>([
    { why: 'of another machine', changed: { host: 'elsewhere' } },
    { why: 'of another folder', changed: { cwd: '/elsewhere' } },
    { why: 'of another account', changed: { configFolder: '/elsewhere' } },
    { why: 'of another executor', changed: { executor: 'claude' } },
    { why: 'that is an option', changed: { sessionId: '--dangerously-skip-permissions' } },
  ])('$why is not gone on with', async ({ changed }) => {
    const garden = openGarden();
    await garden.execute({ begun: interrupted });
    const [turn] = garden.saved.splice(0);
    if (turn === undefined) throw new Error('no turn was saved');
    const state = { ...(JSON.parse(new TextDecoder().decode(turn.state)) as object), ...changed };
    garden.saved.push({ ...turn, state: new TextEncoder().encode(JSON.stringify(state)) });
    expect(await garden.execute({ begun: WORK })).toMatchObject({ outcome: 'completed' });
    expect(garden.calls()[1]?.args[3]).toMatch(/^--session-id=/);
  });

  test('whose state is no text of ours is not gone on with', async () => {
    const garden = openGarden();
    const state = new Uint8Array([0xff, 0x00, 0x7b]);
    garden.saved.push({ turn: 3, usage: USAGE, state });
    expect(await garden.execute({ begun: WORK })).toMatchObject({ outcome: 'completed' });
  });

  test.each([
    { why: 'the lease lost', code: 'STALE_FENCE' },
    { why: 'the budget used up', code: 'BUDGET_EXHAUSTED' },
  ] as const)('ends at once when a save finds $why', async ({ code }) => {
    const garden = openGarden();
    const lost = async (): Promise<never> => {
      throw new SwarmError(code, 'the work ends here');
    };
    const end = await garden.execute(
      { begun: [...WORK.slice(0, 4), { hang: true }] },
      { checkpoint: { load: async () => undefined, save: lost } },
    );
    expect(end).toMatchObject({ outcome: 'cancelled' });
    expect(processesWith(garden.folder)).toEqual([]);
  });

  test('goes on when a save fails for another reason, and says so', async () => {
    const { hearAll, said } = listening();
    const busy = async (): Promise<never> => {
      throw new SwarmError('NO_QUORUM', 'no majority');
    };
    const checkpoint = { load: async () => undefined, save: busy };
    expect(await openGarden().execute({ begun: WORK }, { checkpoint, onOutput: hearAll })).toMatchObject({
      outcome: 'completed',
    });
    expect(said()).toContain('turn 1 was not saved: no majority\n');
  });

  test('ends when its tokens are used up', async () => {
    const garden = openGarden();
    const begun: readonly Step[] = [...WORK.slice(0, 5), { hang: true }];
    expect(
      await garden.execute(
        { begun },
        { budget: { maxTokens: 700, spent: { ...NO_USAGE, inputTokens: 500 } } },
      ),
    ).toMatchObject({
      outcome: 'failed',
      reason: '770 of 700 tokens are used up',
      code: 'BUDGET',
      next: 'park',
    });
  });

  test('may spend what earlier attempts have left', async () => {
    const garden = openGarden();
    const budget = { maxCostMicros: 2_000_000, spent: { ...NO_USAGE, costMicros: 500_000 } };
    await garden.execute(
      { begun: WORK },
      { budget, maxTurns: 7, model: 'opus', agent: agent({ model: ['haiku'] }) },
    );
    expect(garden.calls()[0]?.args).toEqual(
      expect.arrayContaining(['--max-budget-usd=1.5', '--max-turns=7', '--model=opus']),
    );
  });
});

function listening(): { hearAll(text: string): void; said(): string } {
  let heard = '';
  return {
    hearAll: (text) => {
      heard += text;
    },
    said: () => heard,
  };
}

function withOtherSession(state: Uint8Array): Uint8Array {
  const saved = JSON.parse(new TextDecoder().decode(state)) as object;
  const sessionId = '00000000-0000-4000-8000-000000000000';
  return new TextEncoder().encode(JSON.stringify({ ...saved, sessionId }));
}
