import type { LedgerAssignment, LedgerEntry } from "@devmesh/models";
import { startClock, stopClock } from "./clock.ts";
import { addMs } from "./decision.ts";

/** How soon the sweep looks whether one that gave up its slot may go on: only a process that died leaves it that. */
export const parkedCheckMs = 30_000;

/**
 * Gives up the slot of an accepted assignment until the children of its task are final. One that awaits a slot already
 * waits for its children anew; one that yielded stays as it is.
 */
export function yieldSlot(entry: LedgerEntry, now: Date): LedgerEntry {
  const { assignment } = entry;
  if (assignment === undefined || assignment.slot === "yielded") return entry;
  const stopped = stopClock(assignment, now);
  return withAssignment(entry, { ...stopped, slot: "yielded", checkAt: addMs(now, parkedCheckMs) });
}

/** The children of its task are final: it waits for a slot, before all new tasks. */
export function awaitSlot(entry: LedgerEntry, now: Date): LedgerEntry {
  const { assignment } = entry;
  if (assignment?.slot !== "yielded") return entry;
  return withAssignment(entry, { ...assignment, slot: "awaited", checkAt: addMs(now, parkedCheckMs) });
}

/** It has a slot again and goes on: with a lease in full, and what was left of its attempt. */
export function takeSlotAgain(entry: LedgerEntry, now: Date): LedgerEntry {
  const { assignment } = entry;
  if (assignment === undefined || assignment.slot === "held") return entry;
  const holding = { ...assignment, slot: "held" } as const;
  // a pending question keeps its clock standing, and its own time to be looked at
  return withAssignment(entry, assignment.askedAt === undefined ? startClock(holding, now) : holding);
}

function withAssignment(entry: LedgerEntry, assignment: LedgerAssignment): LedgerEntry {
  return { ...entry, assignment };
}
