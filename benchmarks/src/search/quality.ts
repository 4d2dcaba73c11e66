import type { Collection } from "@devmesh/models";
import { printTable, rounded } from "../figures.ts";
import { type Question, readPassages, readQuestions } from "./corpus.ts";
import { type LocalSearch, openLocalSearch } from "./open-local-search.ts";
import { judgeRanking, type RankingQuality } from "./ranking-quality.ts";

const modes = ["vector", "text", "hybrid"] as const;
const sets = ["tuning", "test"] as const;
const kinds = ["paraphrase", "words", "term"] as const;

interface Judged {
  readonly question: Question;
  readonly mode: (typeof modes)[number];
  readonly quality: RankingQuality;
}

/**
 * nDCG@10, recall@10 and the mean reciprocal rank of the local model's vectors, of full text and of both together, over
 * the corpus and questions of `benchmarks/corpus`: through cutting, Postgres and fusion as they are, with their defaults.
 */
export async function benchQuality(): Promise<void> {
  await using search = await openLocalSearch();
  const passages = readPassages();
  const collection = await search.fill({ name: "jargon" }, passages);
  const judged: Judged[] = [];
  for (const question of readQuestions()) {
    for (const mode of modes) {
      const found = await findPassages(search, collection, { mode, query: question.question });
      judged.push({ question, mode, quality: judgeRanking(found, question.relevant) });
    }
  }
  print(collection, passages.length, judged);
}

/** Passages in the order of their best chunks. */
async function findPassages(
  search: LocalSearch,
  collection: Collection,
  request: { readonly mode: string; readonly query: string },
): Promise<readonly string[]> {
  const { hits } = await search.search(collection, request);
  return [...new Set(hits.map(({ externalId }) => externalId))];
}

function print(collection: Collection, passages: number, judged: readonly Judged[]): void {
  const heading = ["", ...modes];
  for (const set of sets) {
    const ofSet = judged.filter(({ question }) => question.set === set);
    const count = ofSet.length / modes.length;
    printTable(
      `Retrieval quality, ${set} questions: ${count} to ${passages} passages, ${collection.model}, ${collection.dimensions} dimensions`,
      heading,
      [
        ["nDCG@10", ...modes.map((mode) => mean(ofSet, mode, "ndcg"))],
        ["recall@10", ...modes.map((mode) => mean(ofSet, mode, "recall"))],
        ["MRR@10", ...modes.map((mode) => mean(ofSet, mode, "reciprocalRank"))],
        ...kinds.map((kind) => {
          const ofKind = ofSet.filter(({ question }) => question.kind === kind);
          return [
            `nDCG@10, ${kind}, ${ofKind.length / modes.length}`,
            ...modes.map((mode) => mean(ofKind, mode, "ndcg")),
          ];
        }),
      ],
    );
  }
}

function mean(judged: readonly Judged[], mode: Judged["mode"], figure: keyof RankingQuality): string {
  const values = judged.filter((each) => each.mode === mode).map(({ quality }) => quality[figure]);
  return rounded(values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length), 3);
}
