import type { Brief, ReservationNotice } from '../swarm/brief.ts';

/** Sentences that a model can act on. */

/** More than fits a glance is left to the tools. */
const MAX_NAMED = 8;

export function coordinatorLine(swarm: string, { coordinator, term, paused }: Brief): string {
  const led =
    coordinator === null
      ? `Swarm ${swarm} has no coordinator just now`
      : `Swarm ${swarm}: coordinator ${coordinator}, term ${term}`;
  return paused === null ? `${led}.` : `${led}. It is paused (${paused}): nothing new is given out.`;
}

export function countsLine({ counts }: Brief): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  if (some.length === 0) return 'No tasks yet.';
  return `Tasks: ${some.map(([state, count]) => `${count} ${state}`).join(', ')}.`;
}

export function heldLine({ held }: Brief): string {
  if (held.length === 0) return 'You hold no task.';
  return `You hold: ${named(held.map(({ id, title, fence }) => `${id} "${title}" (fence ${fence})`))}.`;
}

export function readyLine({ ready }: Brief): string | undefined {
  return ready === null ? undefined : `Ready to be claimed: ${ready.id} "${ready.title}".`;
}

/** What others have reserved. */
export function reservedLine({ reservations }: Brief, own: readonly string[]): string | undefined {
  const others = reservations.filter(({ holder }) => !own.includes(holder));
  if (others.length === 0) return undefined;
  const list = others.map((one) => `${one.paths.join(' ')} by ${one.holder} ${untilWords(one.until)}`);
  return `Do not edit what others have reserved: ${named(list)}.`;
}

export function changesLine({ changes }: Brief): string | undefined {
  if (changes.length === 0) return undefined;
  const list = changes.map(({ id, state, agent, reason }) => {
    const by = agent === null ? '' : ` (${agent})`;
    return `${id} is ${state}${by}${reason === '' ? '' : `: ${reason}`}`;
  });
  return `While you were away: ${named(list)}.`;
}

/** Who stands in the way of an edit. */
export function refusal(path: string, { id, holder, mode, paths, until }: ReservationNotice): string {
  const what = `${path} is reserved by ${holder} (${id}, ${mode}: ${paths.join(' ')}) ${untilWords(until)}`;
  return `${what}. Work on something else, or wait for its release; do not write it by other means.`;
}

function untilWords(until: number | null): string {
  if (until === null) return 'until it is released or its lease runs out';
  return `until ${new Date(until).toISOString()} unless it is renewed`;
}

function named(items: readonly string[]): string {
  const shown = items.slice(0, MAX_NAMED).join('; ');
  return items.length > MAX_NAMED ? `${shown}; and ${items.length - MAX_NAMED} more` : shown;
}
