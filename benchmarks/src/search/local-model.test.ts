import { embedLocally } from "@devmesh/embedding";
import { expect, it } from "vitest";
import { readPassages, readQuestions } from "./corpus.ts";
import { judgeRanking } from "./ranking-quality.ts";

// the published figure is 0.537; a hash, stem or weight that is broken shows here before it is in a benchmark
it("the local model's vectors alone find what questions ask for", { timeout: 20_000 }, () => {
  const passages = readPassages();
  const vectors = embedLocally(
    passages.map(({ content }) => content),
    1024,
  );
  const questions = readQuestions().filter(({ set }) => set === "tuning");
  const queries = embedLocally(
    questions.map(({ question }) => question),
    1024,
  );
  const gains = questions.map(({ relevant }, at) => {
    const query = queries[at] ?? new Float32Array(1024);
    const scores = vectors.map((vector) => vector.reduce((sum, value, i) => sum + value * (query[i] ?? 0), 0));
    const order = passages.map((_, i) => i).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0));
    return judgeRanking(
      order.map((i) => passages[i]?.externalId ?? ""),
      relevant,
    ).ndcg;
  });
  expect(gains.reduce((sum, gain) => sum + gain, 0) / gains.length).toBeGreaterThan(0.5);
});
