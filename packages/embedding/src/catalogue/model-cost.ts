import type { ModelUsage } from "@devmesh/models";
import type { EmbeddingModel } from "./embedding-model.ts";

/** Micro-dollars of so many tokens: exact in integers, rounded up once. */
export function costMicroUsd(model: EmbeddingModel, tokens: number): number {
  return Math.ceil((tokens * model.microUsdPer1kTokens) / 1_000);
}

/** What tokens that a model has read are in the ledger. */
export function toUsage(model: EmbeddingModel, tokens: number): ModelUsage {
  return { model: model.id, inputTokens: tokens, outputTokens: 0, costMicroUsd: costMicroUsd(model, tokens) };
}
