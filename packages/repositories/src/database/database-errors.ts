import { AppError, type ErrorCode } from "@devmesh/models";
import pg from "pg";

/** Outcomes by SQLSTATE, whole or by class (its first two characters); the whole one counts first. */
const outcomes: Readonly<Record<string, readonly [code: ErrorCode, reason?: string]>> = {
  "08": ["unavailable"],
  "22": ["invalid_argument"],
  "23505": ["conflict", "already_exists"],
  "25006": ["unavailable"],
  "25P03": ["unavailable"],
  "40001": ["conflict", "serialization"],
  "40P01": ["conflict", "serialization"],
  "53": ["unavailable"],
  "54": ["resource_exhausted"],
  "55P03": ["conflict", "lock_not_available"],
  "57014": ["deadline_exceeded"],
  "57P": ["unavailable"],
};

/** What `pg` says, without a code of its own, when there is no connection, or no longer. */
const lostConnection =
  /^(Connection terminated|timeout exceeded when trying to connect|Client (was|has encountered|has already)|The server does not support|Cannot use a pool after)/;

/**
 * Translates what a driver throws, once; an AppError stays as it is. The original is the `cause`. What isn't known is our
 * own bug: `internal`.
 */
export function toDatabaseError(caught: unknown): AppError {
  if (caught instanceof AppError) return caught;
  if (caught instanceof pg.DatabaseError) return translateSqlState(caught);
  if (!(caught instanceof Error)) return new AppError("internal", "internal error", { cause: caught });
  if (caught.message === "Query read timeout") {
    return new AppError("deadline_exceeded", "the database did not answer in time", { cause: caught });
  }
  if (isSystemError(caught) || lostConnection.test(caught.message)) {
    return new AppError("unavailable", "the database is not available", { cause: caught });
  }
  return new AppError("internal", caught.message, { cause: caught });
}

/** True if the connection that a translated error came from can't be used any more. */
export function breaksConnection(error: unknown): boolean {
  if (!(error instanceof AppError)) return false;
  const { cause, code } = error;
  if (cause instanceof pg.DatabaseError) return cause.severity !== "ERROR" || isStalePlan(cause);
  return cause !== undefined && (code === "unavailable" || code === "deadline_exceeded");
}

/** True if a statement was not looked at, because one before it in its transaction had failed. */
export function isAborted(error: unknown): boolean {
  return error instanceof AppError && error.cause instanceof pg.DatabaseError && error.cause.code === "25P02";
}

/** The unique constraint that a `conflict` came from, if it came from one. */
export function violatedConstraint(error: unknown): string | undefined {
  if (!(error instanceof AppError) || !(error.cause instanceof pg.DatabaseError)) return undefined;
  return error.cause.code === "23505" ? error.cause.constraint : undefined;
}

function translateSqlState(error: pg.DatabaseError): AppError {
  const state = error.code ?? "";
  const outcome = outcomes[state] ?? outcomes[state.slice(0, 3)] ?? outcomes[state.slice(0, 2)];
  if (isStalePlan(error)) return new AppError("conflict", error.message, { reason: "serialization", cause: error });
  if (outcome === undefined)
    return new AppError("internal", `database error ${state}: ${error.message}`, { cause: error });
  const [code, reason] = outcome;
  const message = code === "unavailable" ? "the database is not available" : error.message;
  return new AppError(code, message, { reason, cause: error });
}

/** A migration changed the type of a prepared statement's result: it is right again on a fresh connection. */
function isStalePlan(error: pg.DatabaseError): boolean {
  return error.code === "0A000" && error.message.startsWith("cached plan must not change");
}

function isSystemError(error: Error): boolean {
  return "syscall" in error || ("code" in error && typeof error.code === "string" && /^E[A-Z_]+$/.test(error.code));
}
