import { AppError, type ErrorCode } from "@devmesh/models";
import { nameOfAwsError, statusOfAwsError } from "../aws-error.ts";

/** Error names of SQS, with and without the prefix of its old protocol. */
const codeByName: Readonly<Record<string, ErrorCode>> = {
  QueueDoesNotExist: "not_found",
  NonExistentQueue: "not_found",
  QueueDeletedRecently: "unavailable",
  RequestThrottled: "resource_exhausted",
  ThrottlingException: "resource_exhausted",
  Throttling: "resource_exhausted",
  KmsThrottled: "resource_exhausted",
  OverLimit: "resource_exhausted",
  AccessDenied: "permission_denied",
  AccessDeniedException: "permission_denied",
  AbortError: "cancelled",
  TimeoutError: "deadline_exceeded",
};

const throttledRetryMs = 1_000;

/**
 * Turns what the SQS client throws into an AppError that names the operation, with the original as `cause`. No answer
 * at all, or a 5xx, is `unavailable`; any other 4xx is `invalid_argument`.
 */
export function toSqsError(caught: unknown, operation: string): AppError {
  if (caught instanceof AppError) return caught;
  const name = nameOfAwsError(caught).split(".").at(-1) ?? "";
  const code = codeByName[name] ?? codeOfStatus(statusOfAwsError(caught));
  return new AppError(code, `${operation} failed: ${name}`, {
    reason: "sqs",
    retryAfterMs: code === "resource_exhausted" ? throttledRetryMs : undefined,
    cause: caught,
  });
}

function codeOfStatus(status: number | undefined): ErrorCode {
  if (status === undefined || status >= 500) return "unavailable";
  if (status === 401 || status === 403) return "permission_denied";
  if (status === 429) return "resource_exhausted";
  return status >= 400 ? "invalid_argument" : "unavailable";
}
