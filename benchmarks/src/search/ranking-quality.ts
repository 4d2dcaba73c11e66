/** How well documents answer a question: 2 answers it, 1 helps, absent does neither. */
export type Judgements = Readonly<Record<string, number>>;

/** How good an order of documents is, 0 to 1 each. */
export interface RankingQuality {
  /** Gain 2^grade − 1, discounted by log2(rank + 1), over the best possible order. Järvelin and Kekäläinen, 2002. */
  readonly ndcg: number;
  /** How many of the judged documents are there. */
  readonly recall: number;
  /** 1 ÷ the rank of the first that answers; 0 where none does. */
  readonly reciprocalRank: number;
}

/** Judges the first `depth` of an order without repetitions, best first. */
export function judgeRanking(found: readonly string[], relevant: Judgements, depth = 10): RankingQuality {
  const shown = found.slice(0, depth);
  const best = Object.values(relevant)
    .toSorted((a, b) => b - a)
    .slice(0, depth);
  const answer = shown.findIndex((id) => relevant[id] === 2);
  return {
    ndcg: gain(shown.map((id) => relevant[id] ?? 0)) / gain(best),
    recall: shown.filter((id) => relevant[id] !== undefined).length / Object.keys(relevant).length,
    reciprocalRank: answer < 0 ? 0 : 1 / (answer + 1),
  };
}

function gain(grades: readonly number[]): number {
  return grades.reduce((sum, grade, i) => sum + (2 ** grade - 1) / Math.log2(i + 2), 0);
}
