import type { PendingChunk } from "@devmesh/models";

/** What a model is given of a chunk: where it stands, what was written about it, and its own text. */
export function toEmbeddedText({
  heading,
  context,
  content,
}: Pick<PendingChunk, "heading" | "context" | "content">): string {
  return [heading, context, content].filter((part) => part !== undefined && part !== "").join("\n\n");
}
