/** The closed list of error codes that every edge of the system shares: REST, socket, queue and log. */
export const errorCodes = [
  "invalid_argument",
  "unauthenticated",
  "permission_denied",
  "not_found",
  "conflict",
  "failed_precondition",
  "resource_exhausted",
  "cancelled",
  "deadline_exceeded",
  "unavailable",
  "protocol_violation",
  "internal",
] as const;

/** One of {@link errorCodes}. */
export type ErrorCode = (typeof errorCodes)[number];

/** One offending field of an `invalid_argument`: `path` in dots and brackets, such as `tasks[3].title`. */
export interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

/** What an error may carry beside code and message. */
export interface AppErrorOptions {
  /** A finer, stable word, such as `stale_assignment`. */
  readonly reason?: string | undefined;
  /** Shown to the caller as it is: never put a secret or a payload here. */
  readonly details?: unknown;
  readonly retryAfterMs?: number | undefined;
  /** Kept for the log, never shown. */
  readonly cause?: unknown;
}

/**
 * The one error class of the system. `message` is for a person: lower case, naming the value and the bound.
 * What a caller may see of it is {@link toErrorBody}.
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly reason: string | undefined;
  readonly details: unknown;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The form an error has on the wire, in REST's `error` and in the socket's ERROR alike. */
export interface ErrorBody {
  readonly code: ErrorCode;
  readonly reason?: string;
  readonly message: string;
  readonly details?: unknown;
  readonly retryAfterMs?: number;
}

/** Turns anything caught into an `AppError`: what is none becomes `internal`, with the original as `cause`. */
export function toAppError(caught: unknown): AppError {
  if (caught instanceof AppError) return caught;
  return new AppError("internal", "internal error", { cause: caught });
}

/** The part of an error that its caller may see. An `internal` error shows nothing but its code. */
export function toErrorBody(error: AppError): ErrorBody {
  if (error.code === "internal") return { code: "internal", message: "internal error" };
  return {
    code: error.code,
    ...(error.reason !== undefined && { reason: error.reason }),
    message: error.message,
    ...(error.details !== undefined && { details: error.details }),
    ...(error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
  };
}

/** Fails loudly on what can only be our own bug; it becomes `internal` at the edge. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
