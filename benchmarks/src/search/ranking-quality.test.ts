import { describe, expect, it } from "vitest";
import { readPassages, readQuestions } from "./corpus.ts";
import { judgeRanking } from "./ranking-quality.ts";

describe("judgeRanking", () => {
  const relevant = { a: 2, b: 1 };

  it("gives the best possible order 1 throughout", () => {
    expect(judgeRanking(["a", "b", "x"], relevant)).toEqual({ ndcg: 1, recall: 1, reciprocalRank: 1 });
  });

  it("discounts what comes late", () => {
    // 1 ÷ log2(2) + 3 ÷ log2(4), over 3 ÷ log2(2) + 1 ÷ log2(3)
    const { ndcg, reciprocalRank } = judgeRanking(["b", "x", "a"], relevant);
    expect(ndcg).toBeCloseTo((1 + 1.5) / (3 + 1 / Math.log2(3)), 10);
    expect(reciprocalRank).toBeCloseTo(1 / 3, 10);
  });

  it("does not see what is past its depth, and gives nothing for nothing", () => {
    expect(judgeRanking(["x", "a"], relevant, 1)).toEqual({ ndcg: 0, recall: 0, reciprocalRank: 0 });
  });
});

describe("the corpus", () => {
  it("has each passage once, and questions whose judgements name passages", () => {
    const ids = new Set(readPassages().map(({ externalId }) => externalId));
    expect(ids.size).toBe(readPassages().length);
    const questions = readQuestions();
    expect(questions.length).toBeGreaterThanOrEqual(100);
    for (const { relevant } of questions) {
      expect(Object.values(relevant)).toContain(2);
      expect(Object.keys(relevant).filter((id) => !ids.has(id))).toEqual([]);
    }
    expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
  });
});
