/** What one method found, best first; how much its word counts. */
export interface RankedList<Id extends string> {
  readonly weight: number;
  readonly ids: readonly Id[];
}

/** What several methods make of one id together. */
export interface Fused<Id extends string> {
  readonly id: Id;
  /** Above 0, at most 1: first in every list. */
  readonly score: number;
}

/** Dampens how much the first ranks stand out. The value of the paper, which held up on collections of any kind. */
export const fusionK = 60;

/**
 * Reciprocal rank fusion: the score of an id is Σ weight ÷ (k + rank) over the lists that hold it, divided by what an id
 * that is first in every list would have. Best first; the order of the lists does not matter. Equal scores go by the best
 * rank in any list, then by id. Only the first place of an id within a list counts.
 *
 * @see Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods",
 * SIGIR 2009
 */
export function fuseByRank<Id extends string>(lists: readonly RankedList<Id>[], k = fusionK): readonly Fused<Id>[] {
  const best = sumOf(lists.map(({ weight }) => weight / (k + 1)));
  const ranksById = new Map<Id, { parts: number[]; bestRank: number }>();
  for (const { weight, ids } of lists) {
    let rank = 0;
    for (const id of new Set(ids)) {
      rank += 1;
      const entry = ranksById.get(id) ?? { parts: [], bestRank: rank };
      entry.parts.push(weight / (k + rank));
      entry.bestRank = Math.min(entry.bestRank, rank);
      ranksById.set(id, entry);
    }
  }
  return [...ranksById]
    .map(([id, { parts, bestRank }]) => ({ id, bestRank, score: Math.min(1, sumOf(parts) / best) }))
    .sort((a, b) => b.score - a.score || a.bestRank - b.bestRank || (a.id < b.id ? -1 : 1))
    .map(({ id, score }) => ({ id, score }));
}

/** Floating-point sums depend on their order: the order of the lists must not. */
function sumOf(parts: readonly number[]): number {
  return parts.toSorted((a, b) => a - b).reduce((sum, part) => sum + part, 0);
}
