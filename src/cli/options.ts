import { InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../protocol/duration.ts';

/** Options that several commands share. */

export interface PlaceOptions {
  readonly dir?: string;
}

export interface ReachOptions extends PlaceOptions {
  readonly timeout: number;
  readonly json?: true;
}

export const dirOption = (): Option =>
  new Option(
    '--dir <folder>',
    'state folder, or that of one swarm (default: RAFT_MANAGER_DIR, or .raft-manager of this project)',
  );

export const jsonOption = (): Option => new Option('--json', 'print JSON and nothing else on stdout');

export const timeoutOption = (): Option =>
  new Option('--timeout <time>', 'how long to wait for the swarm, e.g. 5s')
    .argParser(parseTime)
    .default(10_000, '10s');

/** An option's time in ms: plain seconds, or with a unit. */
export function parseTime(text: string): number {
  const milliseconds = parseDuration(/^\d/.test(text) && !Number.isNaN(Number(text)) ? Number(text) : text);
  if (milliseconds === undefined || milliseconds < 1) {
    throw new InvalidArgumentError('expected a time such as 500ms, 30s, 5m or 1h');
  }
  return milliseconds;
}

/** A time in ms, or 0 for `off`. */
export function parseTimeOrOff(text: string): number {
  return text === 'off' ? 0 : parseTime(text);
}

/** A whole number within bounds, or a message that names them. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
    }
    return value;
  };
}

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value];
}
