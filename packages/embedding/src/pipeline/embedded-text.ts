import type { PendingChunk } from "@devmesh/models";
import { normaliseText } from "../cache/normalise-text.ts";

/**
 * What a model is given of a chunk: where it stands, what was written about it, and its own text. What is more than the
 * model reads is left out at the end; it is found by text all the same.
 */
export function toEmbeddedText(
  { heading, context, content }: Pick<PendingChunk, "heading" | "context" | "content">,
  maxCharacters: number,
): string {
  // as the embedder will have it: some characters are longer then
  const text = normaliseText(
    [heading, context, content].filter((part) => part !== undefined && part !== "").join("\n\n"),
  );
  if (text.length <= maxCharacters) return text;
  const cut = text.slice(0, maxCharacters);
  // half of a pair that was cut
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}
