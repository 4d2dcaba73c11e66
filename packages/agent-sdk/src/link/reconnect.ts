import { AppError } from "@devmesh/models";

const baseDelayMs = 250;
const maxDelayMs = 30_000;
/** A time told beyond it is not believed: an agent that stays away for hours looks dead. Judgement. */
const maxAskedMs = 300_000;

/** How a connection, or the try to open one, ended. */
export interface Ending {
  /** The close code; undefined when no connection came about. */
  readonly code?: number | undefined;
  /** What refused the try, or the last ERROR before the close. */
  readonly error?: AppError | undefined;
  /** What GOODBYE said before the close. */
  readonly goodbye?: { readonly reason: string; readonly resumeAfterMs?: number | undefined } | undefined;
}

/** The delay before try `attempt` (0 is the first): full jitter over {@link rangeMs}. */
export function reconnectDelayMs(attempt: number, random: () => number): number {
  return random() * rangeMs(attempt);
}

/**
 * The delay after an ending: that of {@link reconnectDelayMs}, or where the server told a time, that one (5 min at most)
 * and 250 ms of jitter, or what the range exceeds it by.
 */
export function retryDelayMs(ending: Ending, attempt: number, random: () => number): number {
  const askedMs = Math.min(maxAskedMs, ending.goodbye?.resumeAfterMs ?? ending.error?.retryAfterMs ?? 0);
  return askedMs + random() * Math.max(baseDelayMs, rangeMs(attempt) - askedMs);
}

/**
 * The error with which an agent stops for good, or undefined if it is to connect again. For good are: refused
 * credentials, a revoked agent, one that was replaced by a newer connection, and one that was deregistered by someone
 * else, since coming back would undo that.
 */
export function findFinalError(ending: Ending): AppError | undefined {
  switch (ending.code) {
    case undefined:
      return isFinalRefusal(ending.error) ? ending.error : undefined;
    case 1000:
      return new AppError("failed_precondition", "the agent was deregistered", { reason: "deregistered" });
    case 4401:
      return new AppError("unauthenticated", "the credential expired or was revoked", { reason: "credential_ended" });
    case 4403:
      return new AppError("permission_denied", "the agent was revoked", { reason: "agent_revoked" });
    case 4409:
      return new AppError("conflict", "a newer connection of the same agent took over", { reason: "replaced" });
    default:
      return undefined;
  }
}

/** Worth another try as it is: the fault lies with the moment, not with the request. */
export function isTransient(error: AppError): boolean {
  switch (error.code) {
    case "unavailable":
    case "internal":
    case "deadline_exceeded":
    case "cancelled":
      return true;
    case "resource_exhausted":
      return error.reason !== "payload_too_large";
    case "invalid_argument":
    case "unauthenticated":
    case "permission_denied":
    case "not_found":
    case "conflict":
    case "failed_precondition":
    case "protocol_violation":
      return false;
  }
}

/** 250 ms × 2ⁿ up to 30 s. */
function rangeMs(attempt: number): number {
  return Math.min(maxDelayMs, baseDelayMs * 2 ** Math.min(attempt, 16));
}

function isFinalRefusal(error: AppError | undefined): boolean {
  return error !== undefined && !isTransient(error);
}
