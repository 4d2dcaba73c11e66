import { AppError, type Dimensions } from "@devmesh/models";
import { findModel } from "../catalogue/all-models.ts";
import type { EmbeddingModel } from "../catalogue/embedding-model.ts";
import type { ModelChoice } from "../embedder/embedder.ts";
import { rankModels } from "./rank-models.ts";

/** A model, and how long its vectors are to be. */
export interface ModelPlan {
  readonly model: EmbeddingModel;
  readonly dimensions: Dimensions;
}

/**
 * What a choice means, best first: one plan where a model is named, for nothing else may take its place; several where
 * a strategy chooses. `models` are the catalogue; those with a wire need Bedrock.
 *
 * @throws AppError `invalid_argument` for a model that is unknown, or dimensions that it, or every model, lacks;
 * `failed_precondition`, reason `no_provider`, for a model of Bedrock where that is not set up.
 */
export function chooseModels(
  choice: ModelChoice,
  models: readonly EmbeddingModel[],
  hasBedrock: boolean,
): readonly [ModelPlan, ...ModelPlan[]] {
  const { dimensions } = choice;
  if ("model" in choice) return [planNamed(findModel(choice.model), dimensions, hasBedrock)];
  const servable = models.filter((model) => model.wire === undefined || hasBedrock);
  const fitting = servable.filter((model) => dimensions === undefined || model.dimensions.includes(dimensions));
  const [first, ...rest] = rankModels(fitting, choice.strategy).map((model) => toPlan(model, dimensions));
  if (first !== undefined) return [first, ...rest];
  const all = [...new Set(servable.flatMap((model) => model.dimensions))].sort((a, b) => a - b);
  throw new AppError("invalid_argument", `no model here gives ${dimensions} dimensions: there are ${all.join(", ")}`);
}

function planNamed(model: EmbeddingModel, dimensions: Dimensions | undefined, hasBedrock: boolean): ModelPlan {
  if (dimensions !== undefined && !model.dimensions.includes(dimensions)) {
    const given = model.dimensions.join(", ");
    throw new AppError("invalid_argument", `${model.id} gives ${given} dimensions, not ${dimensions}`);
  }
  if (model.wire !== undefined && !hasBedrock) {
    throw new AppError("failed_precondition", `${model.id} needs Amazon Bedrock, which is not set up here`, {
      reason: "no_provider",
    });
  }
  return toPlan(model, dimensions);
}

function toPlan(model: EmbeddingModel, dimensions: Dimensions | undefined): ModelPlan {
  return { model, dimensions: dimensions ?? model.defaultDimensions };
}
