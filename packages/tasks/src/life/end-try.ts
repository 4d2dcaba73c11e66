import {
  type AgentId,
  type AssignmentState,
  type FailureClass,
  isOpen,
  type LedgerEntry,
  type NewEvent,
} from "@devmesh/models";
import { retryDelayMs } from "../retry-delay.ts";
import { addMs, type Circumstances, changed, type Decision, earliest } from "./decision.ts";

/** After so many uncounted tries in a row a task is no longer offered at once but waits (wire protocol, "attempt"). */
export const maxUncountedInARow = 20;
/** How long an agent that let an accept window pass is passed over for that task. */
export const passOverMs = 30_000;
/** The longest wait that an agent can ask for with `retryAfterMs`: 30 days, as everywhere in the protocol. */
const maxRetryAfterMs = 2_592_000_000;

/** How a try ended, other than by a result. */
export interface TryEnd {
  readonly state: Exclude<AssignmentState, "offered" | "running" | "waiting" | "completed">;
  readonly event: NewEvent;
  readonly reason: string;
  readonly usage?: string | undefined;
  readonly counted: boolean;
  /** `backoff`: after the retry delay. A number: after so many ms. `never`: the task has failed. */
  readonly again: "at_once" | "backoff" | number | "never";
  readonly failureClass: FailureClass;
  /** Not offered the task again: for ever, or for a while. */
  readonly exclude?: { readonly agentId: AgentId; readonly forever: boolean };
}

/** The entry with its open assignment ended. */
export function closeAssignment(
  entry: LedgerEntry,
  state: AssignmentState,
  reason: string,
  usage?: string,
): LedgerEntry {
  if (entry.assignment === undefined || !isOpen(entry.assignment.state)) return entry;
  return {
    ...entry,
    assignment: {
      ...entry.assignment,
      state,
      askedAt: undefined,
      endReason: reason,
      usage: usage ?? entry.assignment.usage,
    },
  };
}

/** Ends the running try and decides what comes next: the queue, a wait, or failure for good. */
export function endTry(entry: LedgerEntry, end: TryEnd, at: Circumstances): Decision {
  const counted = entry.counted + (end.counted ? 1 : 0);
  const uncounted = end.counted ? 0 : entry.uncounted + 1;
  const ended = { ...closeAssignment(entry, end.state, end.reason, end.usage), counted, uncounted };
  if (end.again === "never" || counted >= entry.maxAttempts) {
    return failForGood(ended, { class: end.failureClass, message: end.reason }, at, [end.event]);
  }
  const next = exclude(ended, end.exclude, at);
  const delayMs = nextDelayMs(next, end, at.random);
  if (delayMs === undefined) return enqueue(next, [end.event], at);
  return schedule(next, addMs(at.now, delayMs), [end.event]);
}

/**
 * Puts a task into the queue, in the lane of the agents that it may be offered now. It wakes when the next one that is
 * passed over may have it again.
 */
export function enqueue(entry: LedgerEntry, events: readonly NewEvent[], at: Circumstances): Decision {
  const { excluded, ...queued } = chooseLane(entry, at);
  return changed(
    { ...queued, state: "queued" },
    [...events, { type: "task.queued", data: {} }],
    excluded === undefined ? {} : { excluded },
  );
}

/**
 * Who the task is not offered to from now on, where that is not what its lane says already: a task that nobody rejected
 * or let lie is in the lane of all.
 */
export function chooseLane(
  entry: LedgerEntry,
  at: Circumstances,
): LedgerEntry & { readonly excluded?: readonly AgentId[] } {
  const passedOver = entry.passedOver.filter(({ until }) => until > at.now);
  const wakeAt = passedOver.reduce<Date | undefined>((first, { until }) => earliest(first, until), entry.deadline);
  const waiting = { ...entry, passedOver, wakeAt };
  if (entry.rejectedBy.length === 0 && entry.passedOver.length === 0) return waiting;
  const excluded = [...new Set([...entry.rejectedBy, ...passedOver.map(({ agentId }) => agentId)])].sort();
  return { ...waiting, excluded };
}

export function schedule(entry: LedgerEntry, until: Date, events: readonly NewEvent[]): Decision {
  const after = { ...entry, state: "scheduled", wakeAt: earliest(entry.deadline, until) } as const;
  const event: NewEvent = { type: "task.scheduled", data: { until: until.toISOString() } };
  return changed(after, [...events, event]);
}

/** Ends a task as failed. */
export function failForGood(
  entry: LedgerEntry,
  error: { readonly class: string; readonly message: string },
  at: Circumstances,
  events: readonly NewEvent[] = [],
): Decision {
  const after: LedgerEntry = {
    ...entry,
    state: "failed",
    error: JSON.stringify(error),
    wakeAt: undefined,
    finishedAt: at.now,
  };
  return changed(after, [...events, { type: "task.failed", data: { error } }]);
}

function nextDelayMs(entry: LedgerEntry, end: TryEnd, random: number): number | undefined {
  if (typeof end.again === "number") return Math.min(end.again, maxRetryAfterMs);
  if (end.again === "backoff") return retryDelayMs(end.counted ? entry.counted - 1 : entry.uncounted - 1, random);
  if (entry.uncounted >= maxUncountedInARow) return retryDelayMs(entry.uncounted - maxUncountedInARow, random);
  return undefined;
}

function exclude(entry: LedgerEntry, excluded: TryEnd["exclude"], at: Circumstances): LedgerEntry {
  if (excluded === undefined) return entry;
  const { agentId, forever } = excluded;
  if (forever) return { ...entry, rejectedBy: [...new Set([...entry.rejectedBy, agentId])] };
  const others = entry.passedOver.filter((one) => one.agentId !== agentId);
  return { ...entry, passedOver: [...others, { agentId, until: addMs(at.now, passOverMs) }] };
}
