/** The start of a text, at most `limit` UTF-16 code units. Never half a character: that could not be stored as UTF-8. */
export function clip(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const last = text.charCodeAt(limit - 1);
  const isFirstHalf = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, isFirstHalf ? limit - 1 : limit);
}
