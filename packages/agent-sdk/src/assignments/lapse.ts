import { AppError } from "@devmesh/models";
import type { Assignment } from "./assignment.ts";
import { staleAssignment } from "./assignment-error.ts";
import { hasCertainlyEnded } from "./lease-watchdog.ts";

/** Why time alone has ended an assignment for this agent; undefined while it has not, as far as can be known here. */
export function findLapse(assignment: Assignment, nowMs: number): AppError | undefined {
  const { phase, isStarted, lease, leaseMs, stillness } = assignment;
  if (phase === "offered" && nowMs > assignment.acceptUntilMs) {
    return staleAssignment("no slot came free within the accept window");
  }
  if (phase === "accepting" && isStarted && nowMs > assignment.surelyOpenUntilMs) {
    return staleAssignment("ACCEPT was not answered within the accept window");
  }
  if (phase !== "running" || stillness > 0 || lease === undefined || !hasCertainlyEnded(lease, nowMs)) return undefined;
  const message = `the lease of ${leaseMs} ms ran out before it could be renewed`;
  return new AppError("deadline_exceeded", message, { reason: "lease_lost" });
}
