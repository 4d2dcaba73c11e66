import { AppError, type LedgerChange, type LedgerEntry, type TaskId } from "@devmesh/models";
import { isAgentOperation, type Operation, type Outcome } from "../operation.ts";
import { decideAgentWord } from "./decide-agent-word.ts";
import { decideMeshWord } from "./decide-mesh-word.ts";
import type { Circumstances, Decision } from "./decision.ts";

/** The entries of a batch while its operations are decided one after the other. */
export interface Draft {
  apply(operation: Operation): Outcome;
  changes(): readonly LedgerChange[];
}

/** Keeps one growing change per task; a task that two assignments are named of is decided on the later one first. */
export function createDraft(entries: readonly LedgerEntry[], at: Circumstances, random: () => number): Draft {
  const changesByTask = new Map<TaskId, LedgerChange>();
  const entriesByKey = new Map<string, LedgerEntry>();
  for (const entry of entries) {
    if (entry.assignment !== undefined) entriesByKey.set(entry.assignment.id, entry);
    if (entry.assignment === undefined || entry.holdsCurrentAssignment) entriesByKey.set(entry.taskId, entry);
  }

  function present(operation: Operation): LedgerEntry | undefined {
    const key = isAgentOperation(operation) ? operation.assignmentId : operation.taskId;
    const entry = entriesByKey.get(key);
    const after = entry === undefined ? undefined : changesByTask.get(entry.taskId)?.after;
    if (entry === undefined || after === undefined) return entry;
    // an older assignment of a task that has just changed keeps its own end, seen beside the task's new state
    return after.assignment?.id === entry.assignment?.id
      ? after
      : { ...after, assignment: entry.assignment, holdsCurrentAssignment: false };
  }

  return {
    apply(operation) {
      const entry = present(operation);
      const decision = decide(entry, operation, { ...at, random: random() });
      if ("after" in decision && entry !== undefined && decision.after !== entry) {
        changesByTask.set(entry.taskId, extend(changesByTask.get(entry.taskId), entry, decision));
      }
      return decision.outcome;
    },
    changes: () => [...changesByTask.values()].sort((a, b) => (a.before.taskId < b.before.taskId ? -1 : 1)),
  };
}

function decide(
  entry: LedgerEntry | undefined,
  operation: Operation,
  at: Circumstances,
): Decision | { readonly outcome: Outcome } {
  if (isAgentOperation(operation)) return decideAgentWord(entry, operation, at);
  if (entry === undefined)
    return { outcome: { kind: "refused", error: new AppError("not_found", `no task ${operation.taskId}`) } };
  return decideMeshWord(entry, operation.word, at);
}

function extend(change: LedgerChange | undefined, entry: LedgerEntry, decision: Decision): LedgerChange {
  return {
    before: change?.before ?? entry,
    after: decision.after,
    events: [...(change?.events ?? []), ...decision.events],
    result: decision.result ?? change?.result,
    answers: [...(change?.answers ?? []), ...(decision.answers ?? [])],
    notices: [...(change?.notices ?? []), ...(decision.notices ?? [])],
    excluded: decision.excluded ?? change?.excluded,
    redrive: decision.redrive ?? change?.redrive,
  };
}
