import type { LedgerAssignment } from "@devmesh/models";
import { addMs, earliest } from "./decision.ts";

/** How soon the sweep looks again at what stands still without a time of its own. */
export const idleCheckMs = 30_000;

/** Whether lease and attempt's clock of an accepted assignment stand still. */
export function standsStill({ attemptLeftMs }: Pick<LedgerAssignment, "attemptLeftMs">): boolean {
  return attemptLeftMs !== undefined;
}

/**
 * Stops the lease and the clock of the attempt, and keeps what was left of the attempt; what stands still stays so.
 * `leaseUntil` is kept, since it says that the assignment was accepted, and means nothing until the clock runs again.
 */
export function stopClock(assignment: LedgerAssignment, now: Date): LedgerAssignment {
  if (standsStill(assignment) || assignment.attemptUntil === undefined) return assignment;
  const attemptLeftMs = Math.max(0, assignment.attemptUntil.getTime() - now.getTime());
  return { ...assignment, attemptLeftMs, attemptUntil: undefined, checkAt: addMs(now, idleCheckMs) };
}

/**
 * Lets the clock run again: a lease in full, and what was left of the attempt. It goes on standing still while another
 * reason holds it: a pending question, or a slot that it has not got back.
 */
export function startClock(assignment: LedgerAssignment, now: Date): LedgerAssignment {
  const { attemptLeftMs, askedAt, slot, leaseMs } = assignment;
  if (attemptLeftMs === undefined) return assignment;
  if (askedAt !== undefined || slot !== "held") return { ...assignment, checkAt: addMs(now, idleCheckMs) };
  const leaseUntil = addMs(now, leaseMs);
  const attemptUntil = addMs(now, attemptLeftMs);
  const checkAt = earliest(leaseUntil, attemptUntil) ?? leaseUntil;
  return { ...assignment, leaseUntil, attemptUntil, attemptLeftMs: undefined, checkAt };
}
