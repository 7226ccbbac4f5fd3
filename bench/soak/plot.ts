/** One line of a chart: a value per point of the common x axis. */
interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly Series[];
}

const WIDTH = 900;
const CHART_HEIGHT = 220;
const MARGIN = { left: 70, right: 150, top: 36, bottom: 30 };
const COLOURS = ['#3366cc', '#dc6b19', '#2a8f4a', '#8d4bbb'];
const TICKS = 4;

/** Charts below each other over one x axis, as an SVG file that stands alone. */
export function plot(
  title: string,
  { label, values }: { readonly label: string; readonly values: readonly number[] },
  charts: readonly Chart[],
): string {
  const height = 40 + charts.length * CHART_HEIGHT;
  const parts = charts.map((chart, at) => drawChart(chart, values, 40 + at * CHART_HEIGHT));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="white"/>
<text x="${MARGIN.left}" y="24" font-size="16">${escaped(title)}</text>
${parts.join('\n')}
<text x="${WIDTH - MARGIN.right}" y="${height - 4}" text-anchor="end" fill="#555">${escaped(label)}</text>
</svg>
`;
}

function drawChart({ title, unit, series }: Chart, xs: readonly number[], top: number): string {
  const most = niceTop(Math.max(1e-9, ...series.flatMap(({ values }) => values)));
  const right = WIDTH - MARGIN.right;
  const bottom = top + CHART_HEIGHT - MARGIN.bottom;
  const first = top + MARGIN.top;
  const lastX = Math.max(1, xs.at(-1) ?? 1);
  const x = (value: number): number => MARGIN.left + ((right - MARGIN.left) * value) / lastX;
  const y = (value: number): number => bottom - ((bottom - first) * value) / most;
  const grid = Array.from({ length: TICKS + 1 }, (_, at) => {
    const value = (most * at) / TICKS;
    const line = `<line x1="${MARGIN.left}" x2="${right}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/>`;
    return `${line}<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end" fill="#555">${short(value)}</text>`;
  });
  const marks = Array.from({ length: TICKS + 1 }, (_, at) => {
    const value = (lastX * at) / TICKS;
    return `<text x="${x(value)}" y="${bottom + 16}" text-anchor="middle" fill="#555">${short(value)}</text>`;
  });
  const lines = series.map(({ name, values }, at) => {
    const colour = COLOURS[at % COLOURS.length];
    const points = values.map((value, point) => `${x(xs[point] ?? 0).toFixed(1)},${y(value).toFixed(1)}`);
    const legend = `<text x="${right + 10}" y="${first + 14 * at}" fill="${colour}">${escaped(name)}</text>`;
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>${legend}`;
  });
  const heading = `<text x="${MARGIN.left}" y="${top + 20}" font-weight="bold">${escaped(title)} (${escaped(unit)})</text>`;
  return [heading, ...grid, ...marks, ...lines].join('\n');
}

/** The next of 1, 2, 5 times a power of ten: a scale that people can read. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}

function short(value: number): string {
  if (value >= 1_000_000) return `${Number((value / 1_000_000).toFixed(2))} M`;
  if (value >= 10_000) return `${Number((value / 1_000).toFixed(1))} k`;
  return String(Number(value.toPrecision(3)));
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;');
}
