import { describe, expect, test } from 'vitest';
import { EventQueue, Notices, type SwarmEvent } from '../../src/api/notices.ts';
import { SwarmError } from '../../src/protocol/errors.ts';
import type { ConnectOptions } from '../../src/swarm/connect.ts';
import type { Swarm } from '../../src/swarm/port.ts';

const applied = (index: number): SwarmEvent => ({ type: 'applied', index, events: [], tasks: [] });
const RESYNC: SwarmEvent = { type: 'resync' };

describe('a queue of events', () => {
  test('gives back what was told, in order, and waits for more', async () => {
    const queue = new EventQueue();
    queue.push(applied(1));
    queue.push(applied(2));
    expect([await queue.take(), await queue.take()]).toEqual([applied(1), applied(2)]);
    const next = queue.take();
    queue.push(applied(3));
    expect(await next).toEqual(applied(3));
  });

  test('whoever must look again is spared what came before', async () => {
    const queue = new EventQueue();
    queue.push(applied(1));
    queue.push(RESYNC);
    queue.push(applied(2));
    expect([await queue.take(), await queue.take()]).toEqual([RESYNC, applied(2)]);
  });

  test('a watcher that takes nothing is told to look again instead of filling memory', async () => {
    const queue = new EventQueue();
    for (let index = 1; index <= 10_001; index++) queue.push(applied(index));
    queue.push(applied(10_002));
    expect([await queue.take(), await queue.take()]).toEqual([RESYNC, applied(10_002)]);
  });

  test('gives nothing any more once it has ended, and lets go of whoever waits', async () => {
    const queue = new EventQueue();
    const next = queue.take();
    queue.end();
    expect(await next).toBeUndefined();
    queue.push(applied(1));
    expect(await queue.take()).toBeUndefined();
  });

  test('whoever waits only so long gets nothing', async () => {
    expect(await new EventQueue().take(1)).toBeUndefined();
  });
});

/** A link that can be heard and tells what it is told; `trouble` before each opening. */
function openLinks(trouble: (opening: number) => Error | undefined = () => undefined) {
  const links: Required<Pick<ConnectOptions, 'onNotice' | 'onRelinked'>>[] = [];
  let closed = 0;
  const notices = new Notices(async (handlers) => {
    links.push(handlers);
    const error = trouble(links.length);
    if (error !== undefined) throw error;
    const close = async (): Promise<void> => {
      closed += 1;
    };
    handlers.onRelinked();
    return { close } as Swarm;
  });
  return { links, notices, closed: () => closed };
}

describe('one link for all who listen', () => {
  test('is opened once; everybody begins with a look, and hears the same', async () => {
    const { links, notices } = openLinks();
    const [one, other]: [SwarmEvent[], SwarmEvent[]] = [[], []];
    await Promise.all([
      notices.listen((event) => one.push(event)),
      notices.listen((event) => other.push(event)),
    ]);
    links[0]?.onNotice({ type: 'applied', index: 4, events: [], tasks: [] });
    expect([one, other, links.length]).toEqual([[RESYNC, applied(4)], [RESYNC, applied(4)], 1]);
  });

  test('a change of link and a snapshot both mean: look again', async () => {
    const { links, notices } = openLinks();
    const heard: SwarmEvent[] = [];
    await notices.listen((event) => heard.push(event));
    // A client that is told of a snapshot calls both, in this order.
    links[0]?.onNotice({ type: 'restored', index: 9 });
    links[0]?.onRelinked();
    expect(heard).toEqual([RESYNC, RESYNC]);
  });

  test('whoever has left hears nothing any more', async () => {
    const { links, notices } = openLinks();
    const heard: SwarmEvent[] = [];
    const leave = await notices.listen((event) => heard.push(event));
    leave();
    links[0]?.onRelinked();
    expect(heard).toEqual([RESYNC]);
  });

  test('a link that cannot be opened is an error for whoever wanted it, and tried again for the next', async () => {
    const { notices } = openLinks((opening) =>
      opening === 1 ? new SwarmError('NOT_RUNNING', 'nobody there') : undefined,
    );
    await expect(notices.listen(() => undefined)).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    await expect(notices.listen(() => undefined)).resolves.toBeTypeOf('function');
  });

  test.each([
    { why: 'the signal', end: (stop: AbortController) => stop.abort() },
    { why: 'closing', end: (_: AbortController, notices: Notices) => notices.close() },
  ])('a loop ends with $why', async ({ end }) => {
    const { notices } = openLinks();
    const stop = new AbortController();
    const { queue } = await notices.follow(stop.signal);
    expect(await queue.take()).toEqual(RESYNC);
    const next = queue.take();
    await end(stop, notices);
    expect(await next).toBeUndefined();
  });

  test('closing closes the link', async () => {
    const { closed, notices } = openLinks();
    await notices.listen(() => undefined);
    await notices.close();
    expect(closed()).toBe(1);
  });
});
