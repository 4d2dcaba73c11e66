import type {
  AppError,
  Dimensions,
  EmbeddingPurpose,
  EmbeddingStrategy,
  ModelUsage,
  TenantId,
  Vector,
} from "@devmesh/models";

/** What may embed: one model, or any that a strategy prefers and that gives the dimensions that are asked for. */
export type ModelChoice =
  | { readonly model: string; readonly dimensions?: Dimensions | undefined }
  | { readonly strategy: EmbeddingStrategy; readonly dimensions?: Dimensions | undefined };

/** Texts that are to be embedded, all alike. */
export interface EmbedRequest {
  /** Who pays. */
  readonly tenantId: TenantId;
  readonly texts: readonly string[];
  readonly choice: ModelChoice;
  readonly purpose: EmbeddingPurpose;
  readonly signal: AbortSignal;
}

/**
 * Vectors in the order of the texts, all of one model and of unit length; a text that can't be embedded has its error.
 * Vectors are shared with the cache: nobody writes to one.
 */
export interface EmbedOutcome {
  readonly model: string;
  readonly dimensions: Dimensions;
  readonly vectors: readonly (Vector | AppError)[];
  /** What was paid for: texts that a cache had cost nothing. */
  readonly usage: ModelUsage;
  /** How many of the texts a cache had, or were in the request twice. */
  readonly reused: number;
}

/** Turns text into vectors. */
export interface Embedder {
  /**
   * @throws AppError `invalid_argument` for a model or dimensions that there are not; `failed_precondition`, reason
   * `no_provider`, for a model that nothing here serves; `resource_exhausted` where a budget (reason `budget`), or every
   * model that may serve, is exhausted (with `retryAfterMs`); `unavailable` where none answers; `cancelled`, or
   * `deadline_exceeded` where `signal` is one of a time limit; what the ledger throws.
   */
  embed(request: EmbedRequest): Promise<EmbedOutcome>;
  /** The model and dimensions that a choice means now. @throws AppError `invalid_argument`, `failed_precondition` as {@link embed}. */
  resolve(choice: ModelChoice): { readonly model: string; readonly dimensions: Dimensions };
}
