import {
  type AgentId,
  isOpen,
  type LedgerEntry,
  type NewAnswer,
  type NewEvent,
  type NewResult,
  type Notice,
  type RedriveOrder,
} from "@devmesh/models";
import type { Outcome } from "../operation.ts";

/** The time and chance of a decision: arguments, so that the same entry always gives the same answer. */
export interface Circumstances {
  /** The database's time. */
  readonly now: Date;
  /** A number in [0, 1), for jitter. */
  readonly random: number;
}

/** What an operation makes of an entry. `after` is the entry itself where nothing changes. */
export interface Decision {
  readonly after: LedgerEntry;
  readonly outcome: Outcome;
  readonly events: readonly NewEvent[];
  readonly result?: NewResult;
  readonly answers?: readonly NewAnswer[];
  readonly notices?: readonly Notice[];
  readonly excluded?: readonly AgentId[];
  readonly redrive?: RedriveOrder;
}

export function unchanged(entry: LedgerEntry, outcome: Outcome): Decision {
  return { after: entry, outcome, events: [] };
}

export function recorded(entry: LedgerEntry, duplicate = false): Outcome {
  const { assignment, taskId, state: taskState } = entry;
  // a lease that stands still ends at no time that could be told
  const isRunning = assignment !== undefined && isOpen(assignment.state) && assignment.attemptLeftMs === undefined;
  const leaseUntil = isRunning ? assignment.leaseUntil : undefined;
  return { kind: "recorded", taskId, taskState, leaseUntil, duplicate };
}

export function changed(after: LedgerEntry, events: readonly NewEvent[], more: Partial<Decision> = {}): Decision {
  return { after, outcome: recorded(after), events, ...more };
}

export function addMs(time: Date, ms: number): Date {
  return new Date(time.getTime() + ms);
}

/** The earlier of two times of which either may be absent. */
export function earliest(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
