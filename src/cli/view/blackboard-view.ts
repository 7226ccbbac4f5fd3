import type { BlackboardJson } from '../../siblings/crdt-synchronizer/client-wire.ts';
import { plain } from './text.ts';

/** Notes that `status` shows: the latest ones. */
const NOTES_SHOWN = 5;

/** All of it. */
export function blackboardLines(board: BlackboardJson): readonly string[] {
  const there = board.presence.map(({ ageMs, id, role, working }) => {
    const busy = working.length === 0 ? '' : `, works on ${working.join(', ')}`;
    return `  ${id} ${role}, heard ${(ageMs / 1000).toFixed(1)} s ago${busy}`;
  });
  return [`as ${board.from} knows:`, ...there, ...progressLines(board), ...noteLines(board)].map(plain);
}

/** What is said on it, below what `status` says; nothing while nobody says anything. */
export function wordLines(board: BlackboardJson | undefined): readonly string[] {
  if (board === undefined) return [];
  const lines = [...progressLines(board), ...noteLines(board).slice(-NOTES_SHOWN)].map(plain);
  return lines.length === 0 ? [] : ['', `blackboard, as ${board.from} knows it`, ...lines];
}

function progressLines({ progress }: BlackboardJson): readonly string[] {
  return Object.entries(progress).map(([by, { text }]) => `  ${by}: ${text}`);
}

function noteLines({ notes }: BlackboardJson): readonly string[] {
  return notes.map(({ at, by, text }) => `  ${new Date(at).toISOString()} ${by}: ${text}`);
}
