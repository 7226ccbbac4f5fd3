import { noColours, type Paint, type Style } from './paint.ts';
import { pad, plain, width } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  readonly style?: (row: Row) => Style | undefined;
  /** Columns that it may be cut down to when the table is too wide; without it, it is never cut. */
  readonly least?: number;
}

export interface TableOptions {
  /** Columns of the terminal; without it nothing is cut. */
  readonly columns?: number;
  readonly paint?: Paint;
}

const GAP = '  ';

/** A heading and one line a row. What the cells hold cannot drive the terminal. */
export function table<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { columns: available = Number.POSITIVE_INFINITY, paint = noColours }: TableOptions = {},
): string[] {
  const cells = rows.map((row) => columns.map(({ value }) => plain(value(row))));
  const widths = fitWidths(
    columns.map(({ title, least }, index) => {
      const wanted = Math.max(width(title), ...cells.map((texts) => width(texts[index] ?? '')));
      return { wanted, least: Math.min(wanted, least ?? wanted) };
    }),
    available,
  );
  const line = (texts: readonly string[], styleOf: (index: number) => Style | undefined): string => {
    const painted = texts.map((text, index) => {
      const isLastLeft = index === columns.length - 1 && columns[index]?.align !== 'right';
      const fitted = pad(text, widths[index] ?? 0, columns[index]?.align);
      const style = styleOf(index);
      const shown = isLastLeft ? fitted.trimEnd() : fitted;
      return style === undefined ? shown : paint(style, shown);
    });
    return painted.join(GAP).trimEnd();
  };
  return [
    line(
      columns.map(({ title }) => title),
      () => 'bold',
    ),
    ...cells.map((texts, at) => line(texts, (index) => styleAt(columns[index], rows[at]))),
  ];
}

function styleAt<Row>(column: Column<Row> | undefined, row: Row | undefined): Style | undefined {
  return row === undefined ? undefined : column?.style?.(row);
}

/** Takes from the widest column that can still give, until the table fits or nobody can. */
function fitWidths(
  wishes: readonly { readonly wanted: number; readonly least: number }[],
  available: number,
): readonly number[] {
  const widths = wishes.map(({ wanted }) => wanted);
  const spare = (index: number): number => (widths[index] ?? 0) - (wishes[index]?.least ?? 0);
  let excess = sum(widths) + GAP.length * Math.max(0, widths.length - 1) - available;
  while (excess > 0) {
    const givers = widths.flatMap((_, index) => (spare(index) > 0 ? [index] : []));
    const widest = givers.sort((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0))[0];
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
