import type { EmbeddingModel } from "./embedding-model.ts";
import { parseTitanAnswer } from "./titan-wire.ts";

/**
 * Amazon Titan Embeddings G1: the oldest one, of fixed size.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
 */
export const titanV1: EmbeddingModel = {
  id: "amazon.titan-embed-text-v1",
  provider: "amazon",
  dimensions: [1536],
  defaultDimensions: 1536,
  limits: { maxTokens: 8_192, maxCharacters: 50_000, textsPerCall: 1, charactersPerCall: 50_000 },
  microUsdPer1kTokens: 100,
  quality: 2,
  speed: 4,
  isEnglishOnly: false,
  distinguishesPurpose: false,
  concurrency: 16,
  quota: { requestsPerMinute: 2_000, tokensPerMinute: 300_000 },
  wire: { toRequest: ([inputText]) => ({ inputText }), parseAnswer: parseTitanAnswer },
};
