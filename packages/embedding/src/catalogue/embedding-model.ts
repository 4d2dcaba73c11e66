import type { Dimensions, EmbeddingPurpose, Vector } from "@devmesh/models";

/** Who computes a model. `local` is this process. */
export type ModelProvider = "local" | "amazon" | "cohere";

/** What a model takes. */
export interface ModelLimits {
  /** Of one text. The model alone can count them: it refuses a text that has more; Cohere's version 3 reads its beginning. */
  readonly maxTokens: number;
  /** Of one text, in UTF-16 units: a longer one is refused before it is sent. */
  readonly maxCharacters: number;
  readonly textsPerCall: number;
  /** Of all texts of one call: a longer text goes by itself. */
  readonly charactersPerCall: number;
}

/** How fast an account may call a model in one region. What is here is where the token bucket begins; it learns. */
export interface ModelQuota {
  readonly requestsPerMinute: number;
  readonly tokensPerMinute: number;
}

/** What a call asks for beside its texts. */
export interface WireOptions {
  readonly dimensions: Dimensions;
  readonly purpose: EmbeddingPurpose;
}

/** What a model answered: one vector of unit length a text, in order. */
export interface WireAnswer {
  readonly vectors: readonly Vector[];
  /** Undefined where the body doesn't say, as Cohere's and Nova's: Bedrock's header does, else an estimate stands. */
  readonly tokens: number | undefined;
}

/** How a model is spoken to. */
export interface ModelWire {
  /** The body of one call. `texts` are 1 to `textsPerCall`. */
  readonly toRequest: (texts: readonly string[], options: WireOptions) => unknown;
  /**
   * @throws AppError `unavailable`, reason `bad_answer`, where the answer is not the model's own form, or has another
   * count, other dimensions, or a number that is not finite.
   */
  readonly parseAnswer: (
    answer: unknown,
    expected: { readonly count: number; readonly dimensions: number },
  ) => WireAnswer;
}

/** One model that embeds: everything that is known about it. */
export interface EmbeddingModel {
  /** As its provider calls it. */
  readonly id: string;
  readonly provider: ModelProvider;
  readonly dimensions: readonly Dimensions[];
  readonly defaultDimensions: Dimensions;
  readonly limits: ModelLimits;
  readonly microUsdPer1kTokens: number;
  /** 1 to 5, judged by published retrieval benchmarks; more is better. */
  readonly quality: number;
  /** 1 to 5, judged by what a call takes; more is faster. */
  readonly speed: number;
  /** A strategy chooses none that knows English alone: it can't tell what language the texts are in. */
  readonly isEnglishOnly: boolean;
  /** True where a query and a document of the same text have different vectors. */
  readonly distinguishesPurpose: boolean;
  /** Calls at a time, a region. */
  readonly concurrency: number;
  readonly quota: ModelQuota;
  /** Undefined: computed in this process. */
  readonly wire: ModelWire | undefined;
}
