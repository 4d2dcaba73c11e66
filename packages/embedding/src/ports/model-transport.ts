/** What a call of a model waits for. */
export interface CallOptions {
  readonly signal: AbortSignal;
}

/** What a model answered to its own kind of request, parsed. */
export interface InvokeAnswer {
  readonly body: unknown;
  /** By the service's own count, which is what is billed; undefined where it doesn't say. */
  readonly inputTokens: number | undefined;
}

/** A text that a model is asked to write. */
export interface ConverseRequest {
  readonly modelId: string;
  readonly system: string;
  /** Sent first and marked for the model's prompt cache: the same in many calls. */
  readonly cachedText: string | undefined;
  readonly prompt: string;
  readonly maxTokens: number;
}

/** What it wrote, nothing where it refuses to, and what that took. Tokens of the cache are not among `inputTokens`. */
export interface ConverseAnswer {
  readonly text: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
}

/**
 * The way to the models of one region. Each model has a breaker and a bulkhead of its own.
 *
 * All methods throw AppError: `resource_exhausted`, reason `throttled`, where the service asks to slow down, and reason
 * `bulkhead_full` where too many calls are under way; `unavailable` (reason `breaker_open` while the breaker is open);
 * `deadline_exceeded`; `invalid_argument` for what the model refuses; `not_found` (reason `model_not_found`) where the region
 * has no such model, and `permission_denied` where the account may not use it there; `cancelled` when `signal` aborts.
 */
export interface ModelTransport {
  readonly region: string;
  /** Sends a model its own kind of request. */
  invoke(modelId: string, body: unknown, options: CallOptions): Promise<InvokeAnswer>;
  converse(request: ConverseRequest, options: CallOptions): Promise<ConverseAnswer>;
}
