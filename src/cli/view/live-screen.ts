import type { Clock } from '../../node/port.ts';
import type { FrameSize } from './run-frame.ts';
import { plain, width } from './text.ts';

/** As much of a terminal stream as is needed. */
interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

export interface LiveScreenOptions {
  readonly terminal: Terminal;
  readonly clock: Pick<Clock, 'now' | 'setTimer'>;
  /** The lines to show now; none may be wider than `columns`. */
  render(size: FrameSize): readonly string[];
}

/** Ten pictures a second look like motion; more only warm the machine. */
const MIN_REDRAW_MS = 100;

/** Elapsed times count on when nothing else happens. */
const TICK_MS = 1_000;

const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';
const CLEAR_LINE_END = '\u001B[K';
const CLEAR_BELOW = '\u001B[J';

/**
 * Draws lines over themselves at the bottom of the terminal, at most ten times a second and only when they
 * differ. From the first drawing until `close` the cursor is hidden.
 */
export class LiveScreen {
  readonly #options: LiveScreenOptions;
  #shown: readonly string[] = [];
  #lastDrawnAt = Number.NEGATIVE_INFINITY;
  #cancelTimer: () => void = () => undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #state: 'fresh' | 'open' | 'closed' = 'fresh';

  constructor(options: LiveScreenOptions) {
    this.#options = options;
  }

  /** There is something new to show. */
  changed(): void {
    if (this.#state === 'closed') return;
    this.#drawAt(Math.max(this.#options.clock.now(), this.#lastDrawnAt + MIN_REDRAW_MS));
  }

  /** Puts lines above the picture that stay when it moves on; they may be as long as they like. */
  print(lines: readonly string[]): void {
    if (lines.length === 0) return;
    this.#options.terminal.write(`${this.#erase()}${lines.join('\n')}\n`);
    this.#shown = [];
    if (this.#state !== 'closed') this.#draw();
  }

  /** Takes the picture away and gives the cursor back. May be called twice, also while the process exits. */
  close(): void {
    if (this.#state === 'open') this.#options.terminal.write(`${this.#erase()}${SHOW_CURSOR}`);
    this.#shown = [];
    this.#state = 'closed';
    this.#cancelTimer();
  }

  #drawAt(at: number): void {
    if (at >= this.#timerAt) return;
    this.#cancelTimer();
    this.#timerAt = at;
    this.#cancelTimer = this.#options.clock.setTimer(at, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.#draw();
    });
  }

  #draw(): void {
    const { terminal, clock, render } = this.#options;
    const { columns = 80, rows = 24 } = terminal;
    const lines = render({ columns, rows });
    this.#lastDrawnAt = clock.now();
    this.#drawAt(this.#lastDrawnAt + TICK_MS);
    if (this.#state === 'open' && isEqual(lines, this.#shown)) return;
    const opening = this.#state === 'fresh' ? HIDE_CURSOR : '';
    const body = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('');
    // One write a picture, so that no half of it is seen.
    terminal.write(`${opening}${this.#home()}${body}${CLEAR_BELOW}`);
    this.#shown = lines;
    this.#state = 'open';
  }

  /** Back to where the picture began. A terminal that became narrower has broken its lines. */
  #home(): string {
    const { columns = 80 } = this.#options.terminal;
    const rows = this.#shown.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(width(plain(line)) / columns)),
      0,
    );
    return rows === 0 ? '\r' : `\r\u001B[${rows}A`;
  }

  #erase(): string {
    return this.#state === 'open' ? `${this.#home()}${CLEAR_BELOW}` : '';
  }
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}
