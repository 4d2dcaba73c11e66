import type { EmbeddingModel } from "./embedding-model.ts";

/**
 * The mesh's own: words and pieces of words, hashed. It finds texts that share words, not meanings, and costs nothing. A
 * call holds the thread for some 3 ms (measured: 0.08 ms for 1,000 characters of prose, ten times that for none but rare
 * words), and one text of the greatest length for 60 ms: that is what bounds it.
 *
 * @see docs/decisions/022-local-provider.md
 */
export const localFeatureHashing: EmbeddingModel = {
  id: "local.feature-hashing-v1",
  provider: "local",
  dimensions: [256, 512, 1024],
  defaultDimensions: 1024,
  limits: { maxTokens: 16_384, maxCharacters: 65_536, textsPerCall: 8, charactersPerCall: 32_000 },
  microUsdPer1kTokens: 0,
  quality: 1,
  speed: 5,
  isEnglishOnly: false,
  distinguishesPurpose: false,
  concurrency: 1,
  quota: { requestsPerMinute: Number.POSITIVE_INFINITY, tokensPerMinute: Number.POSITIVE_INFINITY },
  wire: undefined,
};
