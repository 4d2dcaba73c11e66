import { createHash } from "node:crypto";
import type { Dimensions, EmbeddingPurpose } from "@devmesh/models";
import type { EmbeddingModel } from "../catalogue/embedding-model.ts";

/** All that a vector depends on beside its text. */
export interface VectorKind {
  readonly model: EmbeddingModel;
  readonly dimensions: Dimensions;
  readonly purpose: EmbeddingPurpose;
}

/**
 * SHA-256, hex, of model, dimensions, purpose (`any` where the model makes no difference) and a text that
 * `normaliseText` made, divided by line feeds; none but the text can hold one. Tenants share keys: a vector is a
 * function of its text alone.
 */
export function cacheKey({ model, dimensions, purpose }: VectorKind, normalisedText: string): string {
  const made = createHash("sha256").update(`${model.id}\n${dimensions}\n`);
  return made.update(`${model.distinguishesPurpose ? purpose : "any"}\n${normalisedText}`).digest("hex");
}
