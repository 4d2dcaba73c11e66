/** What a call of a model waits for. */
export interface CallOptions {
  readonly signal: AbortSignal;
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

/** What it wrote, and what that took. Tokens of the cache are not among `inputTokens`. */
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
 * `deadline_exceeded`; `invalid_argument` for what the model refuses; `permission_denied`; `cancelled` when `signal` aborts.
 */
export interface ModelTransport {
  readonly region: string;
  /** Sends a model its own kind of request, and gives its own kind of answer, parsed. */
  invoke(modelId: string, body: unknown, options: CallOptions): Promise<unknown>;
  converse(request: ConverseRequest, options: CallOptions): Promise<ConverseAnswer>;
}
