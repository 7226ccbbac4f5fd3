import { describe, expect, test } from 'vitest';
import { LiveScreen } from '../../src/cli/view/live-screen.ts';

/** A terminal that understands what the screen writes, and a clock that is moved by hand. */
function bench(
  lines: readonly string[],
  size: { columns: number; rows: number } = { columns: 20, rows: 10 },
) {
  const terminal = { ...size, writes: [] as string[], write: (text: string) => terminal.writes.push(text) };
  const timers = new Map<() => void, number>();
  const clock = {
    time: 0,
    now: () => clock.time,
    setTimer: (at: number, callback: () => void) => {
      timers.set(callback, at);
      return () => void timers.delete(callback);
    },
    advanceTo: (time: number) => {
      for (;;) {
        const [due] = [...timers].filter(([, at]) => at <= time).sort((a, b) => a[1] - b[1]);
        if (due === undefined) break;
        timers.delete(due[0]);
        clock.time = Math.max(clock.time, due[1]);
        due[0]();
      }
      clock.time = time;
    },
  };
  const shown = { lines };
  const screen = new LiveScreen({ terminal, clock, render: () => shown.lines });
  return { terminal, clock, timers, shown, screen, seen: () => display(terminal.writes) };
}

/** What stands on a terminal after `writes`, and whether its cursor can be seen. */
function display(writes: readonly string[]): { rows: readonly string[]; cursor: 'hidden' | 'visible' } {
  const text = writes.join('');
  let rows: readonly string[] = [''];
  let row = 0;
  for (const [piece] of text.matchAll(/\u001B\[\??\d*[A-Za-z]|\n|[^\u001B\r\n]+/g)) {
    const up = /\[(\d+)A$/.exec(piece)?.[1];
    if (piece === '\n') row += 1;
    else if (piece === '\u001B[J') rows = rows.slice(0, row);
    else if (up !== undefined) row -= Number(up);
    else if (!piece.startsWith('\u001B')) rows = rows.with(row, piece);
    if (rows.length <= row) rows = [...rows, ''];
  }
  const isHidden = text.lastIndexOf('\u001B[?25l') > text.lastIndexOf('\u001B[?25h');
  return { rows: rows.at(-1) === '' ? rows.slice(0, -1) : rows, cursor: isHidden ? 'hidden' : 'visible' };
}

describe('the live screen', () => {
  test('draws over what it has drawn, with the cursor hidden', () => {
    const { screen, clock, shown, seen } = bench(['one', 'two', 'three']);
    screen.changed();
    clock.advanceTo(0);
    expect(seen()).toEqual({ rows: ['one', 'two', 'three'], cursor: 'hidden' });
    shown.lines = ['ONE', 'TWO'];
    screen.changed();
    clock.advanceTo(100);
    expect(seen()).toEqual({ rows: ['ONE', 'TWO'], cursor: 'hidden' });
  });

  test('draws at most ten times a second, and the last change is not lost', () => {
    const { screen, clock, shown, terminal, seen } = bench(['0']);
    for (let ms = 0; ms < 1_000; ms++) {
      clock.advanceTo(ms);
      shown.lines = [String(ms)];
      screen.changed();
    }
    clock.advanceTo(1_000);
    expect(terminal.writes.length).toBeGreaterThan(5);
    expect(terminal.writes.length).toBeLessThanOrEqual(11);
    expect(seen().rows).toEqual(['999']);
  });

  test('writes nothing when nothing differs, and looks again every second', () => {
    const { screen, clock, shown, terminal, seen } = bench(['same']);
    screen.changed();
    clock.advanceTo(500);
    screen.changed();
    clock.advanceTo(900);
    expect(terminal.writes).toHaveLength(1);
    shown.lines = ['2s'];
    clock.advanceTo(2_000);
    expect(seen().rows).toEqual(['2s']);
  });

  test('leaves lines above the picture', () => {
    const { screen, clock, seen } = bench(['picture']);
    screen.changed();
    clock.advanceTo(0);
    screen.print(['a failed', 'b failed']);
    expect(seen().rows).toEqual(['a failed', 'b failed', 'picture']);
  });

  test('takes the picture away at the end and gives the cursor back', () => {
    const { screen, clock, timers, terminal, seen } = bench(['one', 'two']);
    screen.changed();
    clock.advanceTo(0);
    screen.print(['stays']);
    screen.close();
    expect(seen()).toEqual({ rows: ['stays'], cursor: 'visible' });
    expect(timers.size).toBe(0);
    const { length } = terminal.writes;
    screen.close();
    screen.changed();
    clock.advanceTo(5_000);
    expect(terminal.writes).toHaveLength(length);
  });

  test('that never drew leaves the terminal alone', () => {
    const { screen, terminal } = bench(['one']);
    screen.close();
    expect(terminal.writes).toEqual([]);
  });

  test('finds its beginning again when the terminal became narrower', () => {
    const { screen, clock, terminal, shown } = bench(['x'.repeat(20), 'y']);
    screen.changed();
    clock.advanceTo(0);
    terminal.columns = 8;
    shown.lines = ['z'];
    screen.changed();
    clock.advanceTo(100);
    expect(terminal.writes.at(-1)).toContain('\u001B[4A');
  });
});
