import { type AppError, type ErrorCode, toAppError } from "@devmesh/models";
import type { ReceivedMessage } from "./queue-message.ts";

/** What a handler wants done with its message. */
export type HandlerOutcome =
  | "done"
  | "deadLetter"
  | { readonly retryAfterMs: number }
  /** `code: message`. */
  | { readonly deadLetterBecause: string };

/** What is done with it. */
export type Settlement =
  | { readonly kind: "delete" }
  | { readonly kind: "deadLetter"; readonly reason: string }
  | { readonly kind: "retry"; readonly afterMs: number };

type Policy = "deadLetter" | "acknowledge" | "retry";

/** The queue's column of the error table. `internal` is retried until the queue's own redrive buries it. */
const policyByCode: Readonly<Record<ErrorCode, Policy>> = {
  invalid_argument: "deadLetter",
  unauthenticated: "deadLetter",
  permission_denied: "deadLetter",
  not_found: "deadLetter",
  conflict: "acknowledge",
  failed_precondition: "acknowledge",
  resource_exhausted: "retry",
  cancelled: "retry",
  deadline_exceeded: "retry",
  unavailable: "retry",
  protocol_violation: "deadLetter",
  internal: "retry",
};

const minRetryMs = 1_000;
const maxRetryMs = 300_000;

export function settleOutcome(outcome: HandlerOutcome): Settlement {
  if (outcome === "done") return { kind: "delete" };
  if (outcome === "deadLetter") return { kind: "deadLetter", reason: "refused by its handler" };
  if ("deadLetterBecause" in outcome) return { kind: "deadLetter", reason: outcome.deadLetterBecause };
  return { kind: "retry", afterMs: outcome.retryAfterMs };
}

/** Decides about a message whose handler threw. Retries wait 1 s, doubling with each receive, to 5 min. */
export function settleError(caught: unknown, message: ReceivedMessage): Settlement {
  const error = toAppError(caught);
  const policy = policyByCode[error.code];
  if (policy === "acknowledge") return { kind: "delete" };
  if (policy === "deadLetter") return { kind: "deadLetter", reason: `${error.code}: ${error.message}` };
  return { kind: "retry", afterMs: error.retryAfterMs ?? backOff(message.receiveCount) };
}

/** The level of the error table's last column. */
export function levelOf(error: AppError): "debug" | "info" | "warn" | "error" {
  if (error.code === "internal") return "error";
  if (error.code === "cancelled") return "debug";
  return policyByCode[error.code] === "retry" || error.code === "protocol_violation" ? "warn" : "info";
}

function backOff(receiveCount: number): number {
  return Math.min(maxRetryMs, minRetryMs * 2 ** Math.max(0, receiveCount - 1));
}
