import type { EmbeddingPurpose } from "@devmesh/models";
import type { ModelWire } from "./embedding-model.ts";
import { memberOf, readVectors } from "./read-vectors.ts";

/** Cohere's word for what a text is. */
export function toInputType(purpose: EmbeddingPurpose): "search_document" | "search_query" {
  return purpose === "query" ? "search_query" : "search_document";
}

/**
 * Cohere's answer: `embeddings` is a list of vectors, or `{float: [vectors]}` where the request named `embedding_types`,
 * as ours do. It counts no tokens: Bedrock tells them in a header.
 */
export const parseCohereAnswer: ModelWire["parseAnswer"] = (answer, expected) => {
  const embeddings = memberOf(answer, "embeddings");
  const vectors = Array.isArray(embeddings) ? embeddings : memberOf(embeddings, "float");
  return { vectors: readVectors(vectors, expected), tokens: undefined };
};

/**
 * How both languages of version 3 are spoken to. Its limit of characters is told beforehand, that of 512 tokens only by
 * itself: chunks are cut by an estimate, so of a text that has some more it reads the beginning (`END` drops the end).
 */
export const cohereV3Wire: ModelWire = {
  toRequest: (texts, { purpose }) => ({
    texts,
    input_type: toInputType(purpose),
    truncate: "END",
    embedding_types: ["float"],
  }),
  parseAnswer: parseCohereAnswer,
};
