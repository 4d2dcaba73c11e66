import type { Vector } from "@devmesh/models";

/** Something that was found and may be shown. */
export interface Candidate<Id extends string> {
  readonly id: Id;
  /** 0 to 1. */
  readonly score: number;
  /** Undefined where it is not embedded yet. */
  readonly vector: Vector | undefined;
}

/** How alike two candidates count as where a vector is missing: neither a copy nor a stranger. */
const unknownSimilarity = 0.5;

/**
 * Maximal marginal relevance: picks, one after the other, the candidate with the highest
 * (1 − diversity) · score − diversity · (greatest cosine similarity to one that was picked before; at least 0). Answers
 * with ids in the order picked, `limit` of them or all that there are. With diversity 0 that is the order of scores; the
 * first is always the one of the highest score. Ties go by score, then by id, whatever the order of the candidates.
 * O(limit × candidates × dimensions).
 *
 * @see Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998
 */
export function diversify<Id extends string>(
  candidates: readonly Candidate<Id>[],
  { limit, diversity }: { readonly limit: number; readonly diversity: number },
): readonly Id[] {
  const left = candidates
    .map(({ id, score, vector }) => ({ id, score, vector: vector && toUnit(vector), nearest: 0 }))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1));
  const picked: Id[] = [];
  while (picked.length < limit) {
    const index = indexOfBest(left, (one) => (1 - diversity) * one.score - diversity * one.nearest);
    const [next] = left.splice(index, 1);
    if (next === undefined) break;
    picked.push(next.id);
    if (diversity === 0) continue;
    for (const one of left) one.nearest = Math.max(one.nearest, similarity(one.vector, next.vector));
  }
  return picked;
}

/** The first of the highest worth; 0 where there is none. */
function indexOfBest<Item>(items: readonly Item[], worthOf: (item: Item) => number): number {
  let best = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (const [index, item] of items.entries()) {
    const worth = worthOf(item);
    if (worth <= highest) continue;
    best = index;
    highest = worth;
  }
  return best;
}

function toUnit(vector: Vector): Vector {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

function similarity(a: Vector | undefined, b: Vector | undefined): number {
  if (a === undefined || b === undefined || a.length !== b.length) return unknownSimilarity;
  let dot = 0;
  for (let i = 0; i < a.length; i += 1) dot += (a[i] ?? 0) * (b[i] ?? 0);
  return Math.max(0, dot);
}
