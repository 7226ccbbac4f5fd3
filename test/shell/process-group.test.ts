import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bash, hearing, numberIn, ownFolder, PATH, processesWith } from './playground.ts';

/** Every process of one run carries it in its environment, wherever it went. */
function marked() {
  const MARK = `mark-${randomUUID()}`;
  return { environment: { PATH, MARK }, alive: () => processesWith(MARK) };
}

/** Scripts that say `ready` when they have children which live longer than anybody waits. */
const CHILDREN = [
  { why: 'children that do what they are told', script: 'sleep 1000 & sleep 1000 & echo ready; wait' },
  { why: 'a child in the foreground', script: 'echo ready; sleep 1000' },
  { why: 'grandchildren', script: '(sleep 1000 & (sleep 1000 & wait) & wait) & echo ready; wait' },
  { why: 'a child that ignores SIGTERM', script: `(trap '' TERM; sleep 1000) & echo ready; wait` },
  {
    why: 'a script that ignores SIGTERM',
    script: `trap '' TERM; echo ready; while :; do sleep 1000; done`,
  },
  { why: 'a pipe', script: `echo ready; yes | sleep 1000` },
  { why: 'a child that was stopped', script: `sleep 1000 & kill -s STOP $!; echo ready; wait` },
  {
    why: 'children that have children for ever',
    script: `breed() { while :; do sleep 0.01 & done; }; breed & echo ready; wait`,
  },
];

describe('the process group', () => {
  test.each(CHILDREN)('is gone when time is up: $why', async ({ script }) => {
    const { environment, alive } = marked();
    const { end } = await bash(script, { environment, timeoutMs: 300 });
    expect(end).toEqual({ kind: 'timed-out' });
    expect(alive()).toEqual([]);
  });

  test.each(CHILDREN)('is gone when the task was taken away: $why', async ({ script }) => {
    const controller = new AbortController();
    const { heard, onOutput } = hearing('ready');
    const { environment, alive } = marked();
    const running = bash(script, { environment, signal: controller.signal, onOutput });
    await heard;
    expect(alive().length).toBeGreaterThan(0);
    controller.abort();
    expect((await running).end).toEqual({ kind: 'cancelled' });
    expect(alive()).toEqual([]);
  });

  test.each([
    { why: 'children in the background', script: 'sleep 1000 & sleep 1000 & echo ready' },
    { why: 'a child that ignores SIGTERM', script: `(trap '' TERM; sleep 1000) & echo ready` },
    { why: 'a child that ignores SIGHUP', script: 'nohup sleep 1000 & echo ready' },
    { why: 'a disowned child', script: 'sleep 1000 & disown; echo ready' },
  ])('is gone when the script has ended by itself: $why', async ({ script }) => {
    const { environment, alive } = marked();
    const { end } = await bash(script, { environment });
    expect(end).toEqual({ kind: 'exited', exitCode: 0 });
    expect(alive()).toEqual([]);
  });

  test('may clean up before it is killed', async () => {
    const cwd = ownFolder();
    const { heard, onOutput } = hearing('ready');
    const controller = new AbortController();
    // The script ends at once; its child takes a moment longer for its last duty.
    const child = `trap 'touch cleaned; exit' TERM; echo ready; sleep 1000 & wait`;
    const running = bash(`bash -c '${child.replaceAll("'", `'\\''`)}' & wait`, {
      cwd,
      onOutput,
      signal: controller.signal,
    });
    await heard;
    controller.abort();
    expect((await running).end).toEqual({ kind: 'cancelled' });
    expect(existsSync(join(cwd, 'cleaned'))).toBe(true);
  });

  test('is told to stop once only', async () => {
    const { heard, onOutput } = hearing('ready');
    const controller = new AbortController();
    const running = bash(`trap 'echo told' TERM; echo ready; sleep 1000 & wait || true; wait || true`, {
      onOutput,
      signal: controller.signal,
    });
    await heard;
    controller.abort();
    controller.abort();
    const { end, stdout } = await running;
    expect(end).toEqual({ kind: 'cancelled' });
    expect(stdout).toBe('ready\ntold\n');
  });
});

test('what ended a script is what came first', async () => {
  const controller = new AbortController();
  const { heard, onOutput } = hearing('told');
  const running = bash(`trap 'echo told' TERM; while :; do wait -n || true; sleep 1000 & done`, {
    onOutput,
    signal: controller.signal,
    timeoutMs: 500,
  });
  // Whoever is late, the trap or the time-out: it is the time-out that ended it.
  await Promise.race([heard, running]);
  controller.abort();
  expect((await running).end).toEqual({ kind: 'timed-out' });
});

describe('a daemon that left the group', () => {
  /** `setsid` puts it out of reach; the test ends it itself. */
  const killLater = (output: string): void => {
    process.kill(numberIn(output, 'daemon'), 'SIGKILL');
  };

  test('may hold the pipes open without keeping us', async () => {
    const { end, output } = await bash(
      `mkfifo up; setsid bash -c 'echo "daemon=$$" > up; exec sleep 1000' & cat up`,
      { cwd: ownFolder() },
    );
    killLater(output);
    expect(end).toEqual({ kind: 'exited', exitCode: 0 });
  });

  test('may talk for ever without keeping us', async () => {
    const cwd = ownFolder();
    const { end } = await bash(
      `mkfifo up; setsid bash -c 'echo "daemon=$$" > up; exec yes' & cat up > daemon`,
      { cwd },
    );
    killLater(readFileSync(join(cwd, 'daemon'), 'utf8'));
    expect(end).toEqual({ kind: 'exited', exitCode: 0 });
  });
});
