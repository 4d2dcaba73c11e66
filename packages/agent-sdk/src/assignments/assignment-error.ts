import { AppError } from "@devmesh/models";

/** The assignment is not this agent's any more. */
export function isStale(error: unknown): error is AppError {
  if (!(error instanceof AppError)) return false;
  return error.code === "conflict" || error.code === "not_found" || error.code === "failed_precondition";
}

/** What an end is answered with that came before the mesh has recorded ACCEPT. */
export function isNotAcceptedYet(error: unknown): boolean {
  return error instanceof AppError && error.code === "failed_precondition";
}

/** The error that stale writes are answered with, for what is known to be stale without asking. */
export function staleAssignment(message: string): AppError {
  return new AppError("conflict", message, { reason: "stale_assignment" });
}

/** Why an assignment is given up after `error`: what is no AppError is our own fault. */
export function toDropReason(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError("internal", "the assignment failed", { cause: error });
}
