import { countTokens } from "../chunking/count-tokens.ts";

interface Piece {
  readonly ordinal: number;
  readonly content: string;
}

/** A part of a document that fits into a prompt, and the chunks that begin in it; at least one. */
export interface DocumentWindow {
  readonly text: string;
  readonly chunks: readonly Piece[];
}

/** How much of a part is shown beyond its edges. */
const edgeShare = 0.05;

/**
 * Cuts a document into parts of about equal length, each of about `maxTokens`; a short one is one part. Each shows a
 * little of its neighbours, so that what stands at an edge is read as a whole. A chunk that is not in the document goes with
 * the one before it.
 */
export function documentWindows(
  document: string,
  chunks: readonly Piece[],
  maxTokens: number,
): readonly DocumentWindow[] {
  const count = Math.max(1, Math.ceil(countTokens(document) / maxTokens));
  const length = Math.max(1, Math.ceil(document.length / count));
  const margin = Math.ceil(length * edgeShare);
  const byWindow = new Map<number, Piece[]>();
  let from = 0;
  for (const chunk of chunks.toSorted((a, b) => a.ordinal - b.ordinal)) {
    const found = document.indexOf(chunk.content, from);
    if (found >= 0) from = found;
    const window = Math.floor(from / length);
    byWindow.set(window, [...(byWindow.get(window) ?? []), chunk]);
  }
  return [...byWindow].map(([window, ofWindow]) => ({
    text: document.slice(Math.max(0, window * length - margin), (window + 1) * length + margin).toWellFormed(),
    chunks: ofWindow,
  }));
}
