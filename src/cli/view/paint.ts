import { styleText } from 'node:util';
import { cut, width } from './text.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Gives text a style, or leaves it as it is where there is no colour. */
export type Paint = (style: Style, text: string) => string;

/** Writes escape sequences, whatever the stream is: who asks for it has looked. */
export const colours: Paint = (style, text) =>
  text === '' ? '' : styleText(style, text, { validateStream: false });

export const noColours: Paint = (_style, text) => text;

/** Text with a style of its own; a string has none. */
export type Span = string | { readonly text: string; readonly style: Style };

/** `spans` side by side in at most `columns`; the texts must be `plain`. */
export function paintLine(spans: readonly Span[], columns: number, paint: Paint): string {
  let left = columns;
  let line = '';
  for (const span of spans) {
    const { text, style } = typeof span === 'string' ? { text: span, style: undefined } : span;
    const shown = cut(text, left);
    left -= width(shown);
    line += style === undefined ? shown : paint(style, shown);
    if (shown !== text) break;
  }
  return line;
}

interface Surroundings {
  readonly isTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How a run shows itself: drawn over again and again, or told line by line. */
export function displayMode({ isTTY, env }: Surroundings): 'live' | 'lines' {
  return isTTY && !isSet(env.CI) && paintFor({ isTTY, env }) === colours ? 'live' : 'lines';
}

/** Colours for a terminal whose owner has not refused them (no-color.org). */
export function paintFor({ isTTY, env }: Surroundings): Paint {
  return isTTY && !isSet(env.NO_COLOR) && env.TERM !== 'dumb' ? colours : noColours;
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
