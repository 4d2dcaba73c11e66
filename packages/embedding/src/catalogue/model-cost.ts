import type { ModelUsage } from "@devmesh/models";
import type { EmbeddingModel } from "./embedding-model.ts";

/** Micro-dollars of so many tokens, with their fraction: what is rounded at each call adds up to something else. */
export function exactMicroUsd(model: EmbeddingModel, tokens: number): number {
  return (tokens * model.microUsdPer1kTokens) / 1_000;
}

/** The same rounded up, once for all that a request paid. */
export function costMicroUsd(model: EmbeddingModel, tokens: number): number {
  return Math.ceil(exactMicroUsd(model, tokens));
}

/** What tokens that a model has read are in the ledger. */
export function toUsage(model: EmbeddingModel, tokens: number): ModelUsage {
  return { model: model.id, inputTokens: tokens, outputTokens: 0, costMicroUsd: costMicroUsd(model, tokens) };
}
