import type { ChunkId, Distance, FoundChunk, MethodRank, SearchMode } from "@devmesh/models";
import { fuseByRank } from "./fuse-by-rank.ts";
import type { Fusion } from "./fusion-of.ts";

/** Where a chunk stands in the order of each method that found it. */
export interface Ranks {
  readonly vector?: MethodRank;
  readonly text?: MethodRank;
}

/** A chunk that was found, by whichever method. */
export interface ScoredChunk {
  readonly chunk: FoundChunk;
  /** 0 to 1. */
  readonly score: number;
  readonly ranks: Ranks;
}

/** What each method found, best first, over all collections. */
export interface FoundByMethod {
  readonly vector: readonly FoundChunk[];
  readonly text: readonly FoundChunk[];
}

/**
 * Gives each chunk its score, best first.
 *
 * `vector`: the similarity, cut to 0–1 (cosine; inner product, which is the same for vectors of unit length; 1 ÷ (1 +
 * distance) of L2). `text`: the weight of its words as a part of the best one's, so that the first has 1. `hybrid`:
 * {@link fuseByRank} over both orders, as `fusion` says.
 */
export function scoreCandidates(mode: SearchMode, found: FoundByMethod, fusion: Fusion): readonly ScoredChunk[] {
  const { vector, text } = found;
  const vectorRanks = rankAll(vector);
  const textRanks = rankAll(text);
  const chunkById = new Map([...vector, ...text].map((chunk) => [chunk.chunkId, chunk]));
  const scores = scoresOf(mode, found, fusion);
  return scores.flatMap(({ id, score }) => {
    const chunk = chunkById.get(id);
    if (chunk === undefined) return [];
    const ofVector = vectorRanks.get(id);
    const ofText = textRanks.get(id);
    const ranks = { ...(ofVector && { vector: ofVector }), ...(ofText && { text: ofText }) };
    return [{ chunk, score, ranks }];
  });
}

/** Chunks of several collections in one order: by score, then by id. Similarities compare within one {@link Distance}. */
export function mergeFound(lists: readonly (readonly FoundChunk[])[], limit: number): readonly FoundChunk[] {
  return lists
    .flat()
    .sort((a, b) => b.score - a.score || (a.chunkId < b.chunkId ? -1 : 1))
    .slice(0, limit);
}

function scoresOf(
  mode: SearchMode,
  { vector, text }: FoundByMethod,
  fusion: Fusion,
): readonly { readonly id: ChunkId; readonly score: number }[] {
  switch (mode) {
    case "vector":
      return vector.map(({ chunkId: id, score }) => ({ id, score: clamp(score) }));
    case "text": {
      const best = text[0]?.score ?? 0;
      return text.map(({ chunkId: id, score }) => ({ id, score: best > 0 ? clamp(score / best) : 0 }));
    }
    case "hybrid":
      return fuseByRank(
        [
          { weight: fusion.weights.vector, ids: vector.map(({ chunkId }) => chunkId) },
          { weight: fusion.weights.text, ids: text.map(({ chunkId }) => chunkId) },
        ],
        fusion.k,
      );
  }
}

function rankAll(found: readonly FoundChunk[]): ReadonlyMap<ChunkId, MethodRank> {
  return new Map(found.map(({ chunkId, score }, index) => [chunkId, { rank: index + 1, score }]));
}

function clamp(score: number): number {
  return Math.min(1, Math.max(0, score));
}
