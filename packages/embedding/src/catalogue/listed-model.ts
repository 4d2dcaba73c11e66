import type { Dimensions } from "@devmesh/models";
import type { EmbeddingModel, ModelLimits, ModelProvider } from "./embedding-model.ts";

/** A model as it is shown. */
export interface ListedModel {
  readonly id: string;
  readonly provider: ModelProvider;
  readonly dimensions: readonly Dimensions[];
  readonly defaultDimensions: Dimensions;
  readonly limits: Omit<ModelLimits, "charactersPerCall">;
  readonly microUsdPer1kTokens: number;
  readonly quality: number;
  readonly speed: number;
  /** False for a model of Bedrock where that is not set up. */
  readonly isAvailable: boolean;
}

/** What of a model is for others to see. */
export function toListedModel(model: EmbeddingModel, hasBedrock: boolean): ListedModel {
  const { id, provider, dimensions, defaultDimensions, microUsdPer1kTokens, quality, speed } = model;
  const { maxTokens, maxCharacters, textsPerCall } = model.limits;
  const limits = { maxTokens, maxCharacters, textsPerCall };
  const isAvailable = model.wire === undefined || hasBedrock;
  return { id, provider, dimensions, defaultDimensions, limits, microUsdPer1kTokens, quality, speed, isAvailable };
}
