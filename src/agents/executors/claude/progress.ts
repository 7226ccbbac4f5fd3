import { clip } from '../../../tasks/clip.ts';

/** Of one line of progress, in UTF-16 code units. */
const MAX_CALL_CHARS = 160;

/** Arguments that tell what a tool is used for, the most telling one first. */
const TELLING = ['command', 'file_path', 'path', 'pattern', 'text', 'reservation_id'];

/** `→ Bash: npm test`. */
export function callInWords({ name, input }: { readonly name: string; readonly input: unknown }): string {
  const given: Readonly<Record<string, unknown>> =
    typeof input === 'object' && input !== null ? { ...input } : {};
  const [telling] = TELLING.flatMap((key) => {
    const value = given[key];
    return typeof value === 'string' ? [value.replaceAll(/\s+/g, ' ').trim()] : [];
  });
  const words = `→ ${name}${telling === undefined ? '' : `: ${telling}`}`;
  return words.length <= MAX_CALL_CHARS ? words : `${clip(words, MAX_CALL_CHARS - 1)}…`;
}
