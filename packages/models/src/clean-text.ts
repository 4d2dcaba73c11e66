/**
 * What no reader sees and a model may still obey: control characters but tab and line feed, what only formats (zero-width,
 * directional, tags), and the variation selectors beyond the first sixteen, which can carry any text.
 */
const hidden = /(?![\t\n])(?:[\p{Cc}\p{Cf}\u2028\u2029]|[\u{E0100}-\u{E01EF}])/gu;

/** Somebody else's text as it is shown: without what is hidden in it, well-formed, at most `maxLength` UTF-16 units. */
export function cleanText(text: string, maxLength: number): string {
  return text.toWellFormed().replaceAll(hidden, "").slice(0, maxLength).toWellFormed();
}

/** True for a text with something hidden in it. */
export function hidesText(text: string): boolean {
  return text.search(hidden) !== -1;
}
