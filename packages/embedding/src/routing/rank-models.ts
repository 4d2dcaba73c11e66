import type { EmbeddingStrategy } from "@devmesh/models";
import type { EmbeddingModel } from "../catalogue/embedding-model.ts";

/**
 * Models that a strategy would take, best first; `models` are those that could serve. Scores, more is better:
 *
 * | strategy   | score                                                             |
 * |------------|-------------------------------------------------------------------|
 * | `quality`  | quality                                                           |
 * | `cost`     | cheapest price ÷ price                                            |
 * | `speed`    | speed                                                             |
 * | `balanced` | 0.5 × quality ÷ 5 + 0.3 × cheapest price ÷ price + 0.2 × speed ÷ 5 |
 *
 * Ties go to the cheaper, then by id. English-only models are left out, and so are local ones where there is another.
 *
 * @see docs/decisions/024-model-routing.md
 */
export function rankModels(models: readonly EmbeddingModel[], strategy: EmbeddingStrategy): readonly EmbeddingModel[] {
  const anyLanguage = models.filter((model) => !model.isEnglishOnly);
  const remote = anyLanguage.filter((model) => model.provider !== "local");
  const eligible = remote.length > 0 ? remote : anyLanguage;
  const cheapest = Math.min(...eligible.map((model) => model.microUsdPer1kTokens));
  return eligible.toSorted(
    (a, b) =>
      scoreOf(b, strategy, cheapest) - scoreOf(a, strategy, cheapest) ||
      a.microUsdPer1kTokens - b.microUsdPer1kTokens ||
      (a.id < b.id ? -1 : 1),
  );
}

function scoreOf(model: EmbeddingModel, strategy: EmbeddingStrategy, cheapest: number): number {
  const thrift = model.microUsdPer1kTokens === 0 ? 1 : cheapest / model.microUsdPer1kTokens;
  switch (strategy) {
    case "quality":
      return model.quality;
    case "cost":
      return thrift;
    case "speed":
      return model.speed;
    case "balanced":
      return 0.1 * model.quality + 0.3 * thrift + 0.04 * model.speed;
  }
}
