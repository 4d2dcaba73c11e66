import {
  AppError,
  type CancelNotice,
  isFinal,
  isOpen,
  type LedgerAssignment,
  type LedgerEntry,
  maxRedrives,
} from "@devmesh/models";
import type { MeshWord } from "../operation.ts";
import { answer, checkQuestion } from "./answer.ts";
import { standsStill } from "./clock.ts";
import { addMs, type Circumstances, changed, type Decision, earliest, recorded, unchanged } from "./decision.ts";
import { chooseLane, closeAssignment, endTry, enqueue, failForGood, schedule } from "./end-try.ts";
import { parkedCheckMs } from "./yield-slot.ts";

/** Decides what the mesh's own word does to a task. What no longer applies changes nothing. */
export function decideMeshWord(entry: LedgerEntry, word: MeshWord, at: Circumstances): Decision {
  switch (word.kind) {
    case "cancel":
      return cancel(entry, word.reason, at);
    case "redrive":
      return redrive(entry, word, at);
    case "wake":
      return wake(entry, at);
    case "check":
      return check(entry, at);
    case "answer":
      return answer(entry, word, at);
    case "release":
      return release(entry, word, at);
    case "unblock":
      return entry.state === "blocked" ? start(entry, at) : same(entry);
    case "dependency_failed":
      return dependencyFailed(entry, word.dependencyId, at);
    case "reblock":
      return reblock(entry);
  }
}

/** Where a task goes that waits for nothing but its time. */
export function start(entry: LedgerEntry, at: Circumstances): Decision {
  if (entry.notBefore !== undefined && entry.notBefore > at.now) return schedule(entry, entry.notBefore, []);
  return enqueue(entry, [], at);
}

function cancel(entry: LedgerEntry, reason: string, at: Circumstances): Decision {
  if (isFinal(entry.state)) return same(entry);
  const after: LedgerEntry = {
    ...closeAssignment(entry, "cancelled", reason),
    state: "cancelled",
    wakeAt: undefined,
    finishedAt: at.now,
  };
  return changed(after, [{ type: "task.cancelled", data: { reason } }], { notices: noticesOf(entry, reason) });
}

function redrive(entry: LedgerEntry, word: Extract<MeshWord, { kind: "redrive" }>, at: Circumstances): Decision {
  if (entry.state !== "failed") {
    const message = `task ${entry.taskId} is ${entry.state}: only a failed task can be retried`;
    return unchanged(entry, { kind: "refused", error: new AppError("failed_precondition", message) });
  }
  if (entry.redrives >= maxRedrives && word.order?.force !== true) {
    const message = `task ${entry.taskId} was redriven ${entry.redrives} times: past ${maxRedrives} it needs force`;
    const error = new AppError("failed_precondition", message, { reason: "redrive_limit" });
    return unchanged(entry, { kind: "refused", error });
  }
  if (entry.deadline !== undefined && entry.deadline <= at.now) {
    const message = `the deadline ${entry.deadline.toISOString()} of task ${entry.taskId} has passed`;
    return unchanged(entry, { kind: "refused", error: new AppError("failed_precondition", message) });
  }
  if (word.lostDependency !== undefined) {
    const message = `task ${word.lostDependency}, which task ${entry.taskId} depends on, was cancelled`;
    return unchanged(entry, { kind: "refused", error: new AppError("failed_precondition", message) });
  }
  const fresh = { ...entry, ...freshTries, redrives: entry.redrives + 1 };
  const order = word.order ?? { by: undefined, force: false };
  const event = { type: "task.redriven", data: { redrives: fresh.redrives, force: order.force } } as const;
  const more = { excluded: [], redrive: order };
  if (word.blocked) return changed({ ...fresh, state: "blocked", wakeAt: entry.deadline }, [event], more);
  return { ...enqueue(fresh, [event], at), ...more };
}

function reblock(entry: LedgerEntry): Decision {
  const failedByDependency = entry.state === "failed" && entry.error?.includes('"class":"dependency"') === true;
  if (!failedByDependency) return same(entry);
  // its lane may have gone since it ended
  return changed(
    { ...entry, ...freshTries, state: "blocked", wakeAt: entry.deadline },
    [{ type: "task.redriven", data: {} }],
    { excluded: [] },
  );
}

const freshTries = {
  attempt: 0,
  counted: 0,
  uncounted: 0,
  rejectedBy: [],
  passedOver: [],
  error: undefined,
  progress: undefined,
  finishedAt: undefined,
  startedAt: undefined,
} as const;

function wake(entry: LedgerEntry, at: Circumstances): Decision {
  if (isFinal(entry.state) || entry.wakeAt === undefined || entry.wakeAt > at.now) return same(entry);
  if (entry.deadline !== undefined && entry.deadline <= at.now) return missDeadline(entry, entry.deadline, at);
  if (entry.state === "scheduled") return enqueue(entry, [], at);
  if (entry.state !== "queued") return changed({ ...entry, wakeAt: entry.deadline }, []);
  const { excluded, ...waiting } = chooseLane(entry, at);
  return changed(waiting, [], excluded === undefined ? {} : { excluded });
}

function missDeadline(entry: LedgerEntry, deadline: Date, at: Circumstances): Decision {
  const error = { class: "deadline", message: `the deadline ${deadline.toISOString()} passed` };
  const decision = failForGood(closeAssignment(entry, "cancelled", "deadline"), error, at);
  return { ...decision, notices: noticesOf(entry, "deadline") };
}

function check(entry: LedgerEntry, at: Circumstances): Decision {
  const { assignment } = entry;
  if (assignment === undefined || !isOpen(assignment.state)) return same(entry);
  if (assignment.state === "offered") {
    return assignment.acceptUntil <= at.now
      ? acceptExpired(entry, assignment, at)
      : lookAgain(entry, assignment, assignment.acceptUntil);
  }
  if (assignment.state === "waiting") return checkQuestion(entry, assignment, at);
  if (standsStill(assignment)) return lookAgain(entry, assignment, addMs(at.now, parkedCheckMs));
  const { attemptUntil, leaseUntil } = assignment;
  if (attemptUntil !== undefined && attemptUntil <= at.now) return timedOut(entry, assignment, at);
  if (leaseUntil !== undefined && leaseUntil <= at.now) return leaseExpired(entry, assignment, at);
  return lookAgain(entry, assignment, earliest(leaseUntil, attemptUntil) ?? addMs(at.now, assignment.leaseMs));
}

function lookAgain(entry: LedgerEntry, assignment: LedgerAssignment, checkAt: Date): Decision {
  return changed({ ...entry, assignment: { ...assignment, checkAt } }, []);
}

function acceptExpired(entry: LedgerEntry, assignment: LedgerAssignment, at: Circumstances): Decision {
  return endTry(
    entry,
    {
      state: "accept_expired",
      event: { type: "task.accept_expired", data: about(assignment) },
      reason: "not accepted in time",
      counted: false,
      again: "at_once",
      failureClass: "retryable",
      exclude: { agentId: assignment.agentId, forever: false },
    },
    at,
  );
}

function leaseExpired(entry: LedgerEntry, assignment: LedgerAssignment, at: Circumstances): Decision {
  const decision = endTry(
    entry,
    {
      state: "lease_expired",
      event: { type: "task.lease_expired", data: about(assignment) },
      reason: "the lease ran out",
      counted: true,
      again: "at_once",
      failureClass: "retryable",
    },
    at,
  );
  return { ...decision, notices: noticesOf(entry, "lease_expired") };
}

function timedOut(entry: LedgerEntry, assignment: LedgerAssignment, at: Circumstances): Decision {
  const message = `the attempt took longer than ${entry.timeoutMs} ms`;
  const decision = endTry(
    entry,
    {
      state: "timed_out",
      event: { type: "task.attempt_failed", data: { ...about(assignment), class: "retryable", message } },
      reason: message,
      counted: true,
      again: "backoff",
      failureClass: "retryable",
    },
    at,
  );
  return { ...decision, notices: noticesOf(entry, "timeout") };
}

function release(entry: LedgerEntry, word: Extract<MeshWord, { kind: "release" }>, at: Circumstances): Decision {
  const { assignment } = entry;
  if (assignment?.agentId !== word.agentId || !isOpen(assignment.state)) return same(entry);
  if (word.offeredOnly && assignment.state !== "offered") return same(entry);
  const decision = endTry(
    entry,
    {
      state: "released",
      event: { type: "task.rejected", data: { ...about(assignment), reason: word.reason } },
      reason: word.reason,
      counted: false,
      again: "at_once",
      failureClass: "retryable",
    },
    at,
  );
  return { ...decision, notices: noticesOf(entry, word.reason) };
}

function dependencyFailed(entry: LedgerEntry, dependencyId: string, at: Circumstances): Decision {
  if (entry.state !== "blocked") return same(entry);
  const message = `task ${dependencyId}, which it depends on, was not completed`;
  return failForGood(entry, { class: "dependency", message }, at);
}

function noticesOf(entry: LedgerEntry, reason: string): readonly CancelNotice[] {
  const { assignment } = entry;
  if (assignment === undefined || !isOpen(assignment.state)) return [];
  return [
    { kind: "cancel", agentId: assignment.agentId, assignmentId: assignment.id, fence: assignment.fence, reason },
  ];
}

function same(entry: LedgerEntry): Decision {
  return unchanged(entry, recorded(entry));
}

function about(assignment: LedgerAssignment): { assignmentId: string; agentId: string; fence: number } {
  return { assignmentId: assignment.id, agentId: assignment.agentId, fence: assignment.fence };
}
