import { cohereV3Wire } from "./cohere-wire.ts";
import type { EmbeddingModel } from "./embedding-model.ts";

/**
 * Cohere Embed v3, of English texts: short texts alone, 2,048 characters.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html
 */
export const cohereEnglishV3: EmbeddingModel = {
  id: "cohere.embed-english-v3",
  provider: "cohere",
  dimensions: [1024],
  defaultDimensions: 1024,
  limits: { maxTokens: 512, maxCharacters: 2_048, textsPerCall: 96, charactersPerCall: 196_608 },
  microUsdPer1kTokens: 100,
  quality: 4,
  speed: 4,
  isEnglishOnly: true,
  distinguishesPurpose: true,
  concurrency: 4,
  quota: { requestsPerMinute: 2_000, tokensPerMinute: 300_000 },
  wire: cohereV3Wire,
};
