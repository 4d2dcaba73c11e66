import { AppError, type LedgerAssignment, type LedgerEntry } from "@devmesh/models";
import type { AgentOperation, AgentWord, Outcome } from "../operation.ts";
import { ask } from "./ask.ts";
import { checkStanding } from "./check-standing.ts";
import { standsStill } from "./clock.ts";
import { addMs, type Circumstances, changed, type Decision, earliest, unchanged } from "./decision.ts";
import { closeAssignment, endTry } from "./end-try.ts";

/** Outputs that miss the schema, in one assignment, until the attempt has failed. */
export const maxSchemaFailures = 3;
/** The longest lease that TASK_EXTEND can ask for. */
export const maxLeaseMs = 3_600_000;

type Holding = LedgerEntry & { readonly assignment: LedgerAssignment };

/** Decides what an agent's frame does to the task that it is about. Pure: the same arguments give the same answer. */
export function decideAgentWord(
  entry: LedgerEntry | undefined,
  operation: AgentOperation,
  at: Circumstances,
): Decision | { readonly outcome: Outcome } {
  const outcome = checkStanding(entry, operation);
  if (outcome !== undefined || !isHolding(entry)) {
    return { outcome: outcome ?? { kind: "refused", error: new AppError("not_found", "no such assignment") } };
  }
  return decide(entry, operation.word, at);
}

function isHolding(entry: LedgerEntry | undefined): entry is Holding {
  return entry?.assignment !== undefined;
}

function decide(entry: Holding, word: AgentWord, at: Circumstances): Decision {
  switch (word.kind) {
    case "accept":
      return accept(entry, at);
    case "reject":
      return reject(entry, word.reason, at);
    case "progress":
      return progress(entry, word, at);
    case "complete":
      return complete(entry, word, at);
    case "fail":
      return fail(entry, word, at);
    case "extend":
      return extend(entry, word.leaseMs, at);
    case "ask":
      return ask(entry, word, at);
  }
}

function accept(entry: Holding, at: Circumstances): Decision {
  const { assignment } = entry;
  const attemptUntil = addMs(at.now, entry.timeoutMs);
  const accepted = { ...assignment, state: "running", attemptUntil } as const;
  const after: LedgerEntry = {
    ...entry,
    state: "running",
    startedAt: entry.startedAt ?? at.now,
    assignment: withLease(accepted, addMs(at.now, assignment.leaseMs)),
  };
  return changed(after, [{ type: "task.accepted", data: about(assignment) }]);
}

function reject(entry: Holding, reason: string, at: Circumstances): Decision {
  const { assignment } = entry;
  return endTry(
    entry,
    {
      state: "rejected",
      event: { type: "task.rejected", data: { ...about(assignment), reason } },
      reason,
      counted: false,
      again: "at_once",
      failureClass: "retryable",
      exclude: { agentId: assignment.agentId, forever: true },
    },
    at,
  );
}

function progress(entry: Holding, word: Extract<AgentWord, { kind: "progress" }>, at: Circumstances): Decision {
  const { kind: _, log, ...told } = word;
  const after = {
    ...entry,
    progress: JSON.stringify({ ...told, at: at.now.toISOString() }),
    assignment: withLease(entry.assignment, addMs(at.now, entry.assignment.leaseMs)),
  };
  const says = told.percent !== undefined || told.note !== undefined || (log !== undefined && log.length > 0);
  if (!says) return changed({ ...after, progress: entry.progress }, []);
  return changed(after, [
    { type: "task.progress", data: { ...about(entry.assignment), ...told, ...(log && { log }) } },
  ]);
}

function complete(entry: Holding, word: Extract<AgentWord, { kind: "complete" }>, at: Circumstances): Decision {
  if (entry.hasOutputSchema && word.schemaProblems === undefined) {
    return unchanged(entry, { kind: "needs_validation", taskId: entry.taskId });
  }
  if (word.schemaProblems !== undefined && word.schemaProblems.length > 0) {
    return refuseOutput(entry, word.schemaProblems, at);
  }
  const after: LedgerEntry = {
    ...closeAssignment(entry, "completed", "completed", word.usage),
    state: "completed",
    wakeAt: undefined,
    finishedAt: at.now,
  };
  return changed(after, [{ type: "task.completed", data: about(entry.assignment) }], {
    result: {
      assignmentId: entry.assignment.id,
      output: word.output,
      artifacts: word.artifacts,
      usage: word.usage,
    },
  });
}

/** An output that misses the schema is never a success: the agent may send a better one, twice. */
function refuseOutput(entry: Holding, problems: readonly unknown[], at: Circumstances): Decision {
  const schemaFailures = entry.assignment.schemaFailures + 1;
  const counted = { ...entry, assignment: { ...entry.assignment, schemaFailures } };
  const isLast = schemaFailures >= maxSchemaFailures;
  const next = isLast
    ? "this was the last try, and the attempt has failed"
    : "mend what details name, and send it again";
  const error = new AppError("invalid_argument", `the output does not match the task's outputSchema: ${next}`, {
    reason: "output_schema",
    details: problems,
  });
  const refused: Outcome = { kind: "refused", error };
  if (!isLast) return { after: counted, outcome: refused, events: [] };
  const reason = `${maxSchemaFailures} outputs did not match the task's outputSchema`;
  return { ...attemptFailed(counted, { class: "retryable", message: reason }, at), outcome: refused };
}

function fail(entry: Holding, word: Extract<AgentWord, { kind: "fail" }>, at: Circumstances): Decision {
  return attemptFailed(entry, word, at);
}

function attemptFailed(
  entry: Holding,
  failure: Pick<Extract<AgentWord, { kind: "fail" }>, "class" | "message"> & {
    readonly retryAfterMs?: number | undefined;
    readonly usage?: string | undefined;
  },
  at: Circumstances,
): Decision {
  const data = { ...about(entry.assignment), class: failure.class, message: failure.message };
  return endTry(
    entry,
    {
      state: "failed",
      event: { type: "task.attempt_failed", data },
      reason: failure.message,
      usage: failure.usage,
      counted: failure.class !== "rate_limited",
      again: failure.class === "permanent" ? "never" : (failure.retryAfterMs ?? "backoff"),
      failureClass: failure.class,
    },
    at,
  );
}

function extend(entry: Holding, leaseMs: number, at: Circumstances): Decision {
  const leaseUntil = addMs(at.now, Math.min(leaseMs, maxLeaseMs));
  return changed({ ...entry, assignment: withLease(entry.assignment, leaseUntil) }, []);
}

/** The sweep may have put off its next look to a time that is now too late. What stands still has no lease to renew. */
function withLease(assignment: LedgerAssignment, leaseUntil: Date): LedgerAssignment {
  if (standsStill(assignment)) return assignment;
  const dueAt = earliest(leaseUntil, assignment.attemptUntil);
  return { ...assignment, leaseUntil, checkAt: earliest(assignment.checkAt, dueAt) ?? leaseUntil };
}

function about(assignment: LedgerAssignment): { assignmentId: string; agentId: string; fence: number } {
  return { assignmentId: assignment.id, agentId: assignment.agentId, fence: assignment.fence };
}
