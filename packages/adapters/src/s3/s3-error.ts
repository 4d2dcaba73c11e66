import { AppError, type ErrorCode } from "@devmesh/models";
import { nameOfAwsError, statusOfAwsError } from "../aws-error.ts";

/** Error names of S3, and of its client. */
const codeByName: Readonly<Record<string, ErrorCode>> = {
  NoSuchKey: "not_found",
  NoSuchBucket: "not_found",
  NotFound: "not_found",
  PreconditionFailed: "conflict",
  InvalidRange: "invalid_argument",
  SlowDown: "resource_exhausted",
  ThrottlingException: "resource_exhausted",
  AccessDenied: "permission_denied",
  Forbidden: "permission_denied",
  AbortError: "cancelled",
  TimeoutError: "deadline_exceeded",
};

const throttledRetryMs = 1_000;

/**
 * Turns what the S3 client throws into an AppError that names the operation, with the original as `cause`. No answer at
 * all, or a 5xx, is `unavailable`; an object that is another one by now is `conflict`; any other 4xx is `invalid_argument`.
 */
export function toS3Error(caught: unknown, operation: string): AppError {
  if (caught instanceof AppError) return caught;
  const name = nameOfAwsError(caught);
  const code = codeByName[name] ?? codeOfStatus(statusOfAwsError(caught));
  return new AppError(code, `${operation} failed: ${name}`, {
    reason: "s3",
    retryAfterMs: code === "resource_exhausted" ? throttledRetryMs : undefined,
    cause: caught,
  });
}

function codeOfStatus(status: number | undefined): ErrorCode {
  if (status === undefined || status >= 500) return "unavailable";
  if (status === 401 || status === 403) return "permission_denied";
  if (status === 404) return "not_found";
  if (status === 412) return "conflict";
  if (status === 429) return "resource_exhausted";
  return status >= 400 ? "invalid_argument" : "unavailable";
}
