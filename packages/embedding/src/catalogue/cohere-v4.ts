import { parseCohereAnswer, toInputType } from "./cohere-wire.ts";
import type { EmbeddingModel } from "./embedding-model.ts";

/**
 * Cohere Embed v4 (its texts alone, not its images).
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
 */
export const cohereV4: EmbeddingModel = {
  id: "cohere.embed-v4:0",
  provider: "cohere",
  dimensions: [256, 512, 1024, 1536],
  defaultDimensions: 1536,
  limits: { maxTokens: 128_000, maxCharacters: 512_000, textsPerCall: 96, charactersPerCall: 400_000 },
  microUsdPer1kTokens: 120,
  quality: 5,
  speed: 3,
  isEnglishOnly: false,
  distinguishesPurpose: true,
  concurrency: 4,
  quota: { requestsPerMinute: 2_000, tokensPerMinute: 300_000 },
  wire: {
    toRequest: (texts, { dimensions, purpose }) => ({
      texts,
      input_type: toInputType(purpose),
      output_dimension: dimensions,
      embedding_types: ["float"],
      truncate: "NONE",
    }),
    parseAnswer: parseCohereAnswer,
  },
};
