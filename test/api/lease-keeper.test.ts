import { describe, expect, onTestFinished, test } from 'vitest';
import { LeaseKeeper } from '../../src/api/lease-keeper.ts';
import { Notices } from '../../src/api/notices.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import type { ConnectOptions } from '../../src/swarm/connect.ts';
import type { Notice, Swarm } from '../../src/swarm/port.ts';
import type { RenewCommand, ResultValues } from '../../src/tasks/command.ts';

type Answer = (command: RenewCommand) => ResultValues['renew'];

const GRANTED: Answer = ({ reservations, tasks }) => ({
  renewed: [...tasks.map(({ taskId }) => taskId), ...reservations.map(({ reservationId }) => reservationId)],
  stale: [],
});
const OUT_OF_REACH: Answer = () => {
  throw new SwarmError('NO_QUORUM', 'nobody answers');
};

/** A swarm that answers renewals as `answer` says, and a way to tell what has happened in it. */
async function openKeeper(answer: Answer) {
  const asked: RenewCommand[] = [];
  const link: Required<Pick<ConnectOptions, 'onNotice' | 'onRelinked'>>[] = [];
  const swarm = {
    execute: async (command: RenewCommand) => {
      asked.push(command);
      return answer(command);
    },
    close: async () => undefined,
  } as unknown as Swarm;
  const notices = new Notices(async (handlers) => {
    link.push(handlers);
    handlers.onRelinked();
    return swarm;
  });
  const keeper = new LeaseKeeper(swarm, notices);
  onTestFinished(() => keeper.stop());
  return {
    asked,
    keeper,
    tell: (notice: Notice) => link[0]?.onNotice(notice),
    relink: () => link[0]?.onRelinked(),
  };
}

const TASK = { kind: 'task', id: 'dig', fence: 7, leaseMs: 60_000 } as const;
const RESERVATION = { kind: 'reservation', id: 'r-1', fence: 8, leaseMs: 60_000 } as const;

function lossOf(lost: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => lost.addEventListener('abort', () => resolve(lost.reason)));
}

const change = (to: 'queued' | 'assigned' | 'completed', fence: number, reason = ''): Notice => ({
  type: 'applied',
  index: 9,
  events: [{ type: 'task', taskId: 'dig', from: 'running', to, agent: 'ann', fence, reason }],
  tasks: [],
});

describe('what is kept', () => {
  test('is renewed again and again, tasks and reservations each by their fences', async () => {
    let enough: () => void = () => undefined;
    const renewedOften = new Promise<void>((resolve) => {
      enough = resolve;
    });
    const { asked, keeper } = await openKeeper((command) => {
      if (asked.length >= 6) enough();
      return GRANTED(command);
    });
    const task = await keeper.keep({ ...TASK, leaseMs: 100 });
    await keeper.keep({ ...RESERVATION, leaseMs: 100 });
    await renewedOften;
    expect(asked).toContainEqual({ kind: 'renew', tasks: [{ taskId: 'dig', fence: 7 }], reservations: [] });
    expect(asked).toContainEqual({
      kind: 'renew',
      tasks: [],
      reservations: [{ reservationId: 'r-1', fence: 8 }],
    });
    expect(task.lost.aborted).toBe(false);
  });

  test('is lost when its renewal is refused, and nothing else is', async () => {
    const { keeper, relink } = await openKeeper(({ tasks }) => ({
      renewed: [],
      stale: tasks.map(({ taskId }) => ({ id: taskId, why: 'it is cancelled' })),
    }));
    const reservation = await keeper.keep({ ...RESERVATION, id: 'dig' });
    const task = await keeper.keep(TASK);
    const loss = lossOf(task.lost);
    // Something may have been missed: it asks at once.
    relink();
    expect(await loss).toMatchObject({
      code: 'STALE_FENCE',
      message: 'task dig is not yours any more: it is cancelled',
    });
    expect(reservation.lost.aborted).toBe(false);
  });

  test('is given up when nobody can be asked for a whole lease', async () => {
    const { asked, keeper } = await openKeeper(OUT_OF_REACH);
    const { lost } = await keeper.keep({ ...TASK, leaseMs: 100 });
    expect(await lossOf(lost)).toMatchObject({ message: expect.stringContaining('could not be reached') });
    expect(asked.length).toBeGreaterThan(1);
  });

  const notices = [
    { why: 'it was cancelled', notice: change('queued', 7, 'it rains'), isLost: true },
    { why: 'an older lease ended', notice: change('queued', 6), isLost: false },
    { why: 'it is assigned', notice: change('assigned', 7), isLost: false },
    { why: 'who leads is no matter', notice: { type: 'restored', index: 9 } as const, isLost: false },
  ];
  test.each(notices)('$why: lost $isLost', async ({ isLost, notice }) => {
    const { keeper, tell } = await openKeeper(GRANTED);
    const { lost } = await keeper.keep(TASK);
    tell(notice);
    expect(lost.aborted).toBe(isLost);
  });

  test('a reservation is lost with the notice of its end', async () => {
    const { keeper, tell } = await openKeeper(GRANTED);
    const { lost } = await keeper.keep(RESERVATION);
    const event = { type: 'reservation', reservationId: 'r-1', holder: 'ann', paths: ['a'] } as const;
    tell({ type: 'applied', index: 9, events: [{ ...event, change: 'granted' }], tasks: [] });
    expect(lost.aborted).toBe(false);
    tell({ type: 'applied', index: 9, events: [{ ...event, change: 'expired' }], tasks: [] });
    expect(lost.aborted).toBe(true);
  });

  test('is not renewed once it has ended', async () => {
    const { asked, keeper, relink } = await openKeeper(GRANTED);
    const { end, lost } = await keeper.keep(TASK);
    end();
    const before = asked.length;
    relink();
    expect({ asked: asked.length, lost: lost.aborted }).toEqual({ asked: before, lost: false });
  });
});
