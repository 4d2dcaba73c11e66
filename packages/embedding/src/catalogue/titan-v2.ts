import type { EmbeddingModel } from "./embedding-model.ts";
import { parseTitanAnswer } from "./titan-wire.ts";

/**
 * Amazon Titan Text Embeddings V2: the cheapest, by far.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
 */
export const titanV2: EmbeddingModel = {
  id: "amazon.titan-embed-text-v2:0",
  provider: "amazon",
  dimensions: [256, 512, 1024],
  defaultDimensions: 1024,
  limits: { maxTokens: 8_192, maxCharacters: 50_000, textsPerCall: 1, charactersPerCall: 50_000 },
  microUsdPer1kTokens: 20,
  quality: 3,
  speed: 5,
  isEnglishOnly: false,
  distinguishesPurpose: false,
  concurrency: 16,
  quota: { requestsPerMinute: 6_000, tokensPerMinute: 300_000 },
  wire: {
    toRequest: ([inputText], { dimensions }) => ({ inputText, dimensions, normalize: true }),
    parseAnswer: parseTitanAnswer,
  },
};
