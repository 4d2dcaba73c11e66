/**
 * Reads W3C trace context. What is malformed counts as absent, as the specification asks: it is no fault of the request
 * that carries it.
 *
 * @see W3C Trace Context, section 3.2
 */
export function parseTraceparent(text: string | undefined): string | undefined {
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/.exec(text ?? "");
  const isKnown = parts !== null && !/^0+$/.test(parts[1] ?? "") && !/^0+$/.test(parts[2] ?? "");
  return isKnown ? text : undefined;
}
