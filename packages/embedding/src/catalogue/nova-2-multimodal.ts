import type { EmbeddingModel } from "./embedding-model.ts";
import { badAnswer, memberOf, readVectors } from "./read-vectors.ts";

/**
 * Amazon Nova Multimodal Embeddings, its texts alone. It counts no tokens in its answer.
 *
 * @see https://docs.aws.amazon.com/nova/latest/userguide/embeddings-schema.html
 */
export const nova2Multimodal: EmbeddingModel = {
  id: "amazon.nova-2-multimodal-embeddings-v1:0",
  provider: "amazon",
  dimensions: [256, 384, 1024, 3072],
  defaultDimensions: 1024,
  limits: { maxTokens: 8_172, maxCharacters: 50_000, textsPerCall: 1, charactersPerCall: 50_000 },
  microUsdPer1kTokens: 135,
  quality: 4,
  speed: 2,
  isEnglishOnly: false,
  distinguishesPurpose: true,
  concurrency: 8,
  quota: { requestsPerMinute: 2_000, tokensPerMinute: 300_000 },
  wire: {
    toRequest: ([value], { dimensions, purpose }) => ({
      taskType: "SINGLE_EMBEDDING",
      singleEmbeddingParams: {
        embeddingPurpose: purpose === "query" ? "TEXT_RETRIEVAL" : "GENERIC_INDEX",
        embeddingDimension: dimensions,
        text: { truncationMode: "NONE", value },
      },
    }),
    parseAnswer: (answer, { dimensions }) => {
      const embeddings = memberOf(answer, "embeddings");
      if (!Array.isArray(embeddings)) throw badAnswer("has no embeddings");
      const vectors = embeddings.map((one: unknown) => memberOf(one, "embedding"));
      return { vectors: readVectors(vectors, { count: 1, dimensions }), tokens: undefined };
    },
  },
};
