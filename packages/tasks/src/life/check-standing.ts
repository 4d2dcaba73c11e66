import { AppError, type AssignmentState, type LedgerAssignment, type LedgerEntry } from "@devmesh/models";
import type { AgentOperation, AgentWord, Outcome } from "../operation.ts";
import { isAsked } from "./ask.ts";
import { recorded } from "./decision.ts";

/**
 * The checks that every frame about an assignment passes, in the order that the wire protocol fixes: unknown or another
 * agent's, the same word already recorded, an older fence or an end that the mesh made, another end, not accepted yet.
 * Gives the outcome where one of them applies, and undefined where the word may take effect.
 */
export function checkStanding(entry: LedgerEntry | undefined, operation: AgentOperation): Outcome | undefined {
  const assignment = entry?.assignment;
  if (entry === undefined || assignment === undefined || assignment.agentId !== operation.agentId) {
    return refuse(
      new AppError(
        "not_found",
        `no assignment ${operation.assignmentId} of this agent: an assignment has an id of its own, which came with the task`,
      ),
    );
  }
  const sameFence = assignment.fence === operation.fence;
  if (sameFence && isRecorded(assignment, operation.word)) return recorded(entry, true);
  if (!sameFence || endsOfTheMesh.has(assignment.state) || !isLatest(entry, assignment)) {
    return refuse(stale(entry, assignment, operation.fence));
  }
  if (endsOfTheAgent.has(assignment.state)) {
    const message = `assignment ${assignment.id} has already ended as ${assignment.state}`;
    return refuse(new AppError("failed_precondition", message));
  }
  if (needsAcceptance.has(operation.word.kind) && assignment.state === "offered") {
    return refuse(new AppError("failed_precondition", `assignment ${assignment.id} was not accepted yet`));
  }
  if (notWhileWaiting.has(operation.word.kind) && assignment.state === "waiting") {
    return refuse(
      new AppError("failed_precondition", `assignment ${assignment.id} waits for an answer, and goes on only with it`),
    );
  }
  return undefined;
}

const endsOfTheMesh: ReadonlySet<AssignmentState> = new Set([
  "accept_expired",
  "lease_expired",
  "timed_out",
  "released",
  "cancelled",
]);
const endsOfTheAgent: ReadonlySet<AssignmentState> = new Set(["completed", "failed", "rejected"]);
const needsAcceptance: ReadonlySet<AgentWord["kind"]> = new Set(["progress", "complete", "fail", "extend", "ask"]);
const notWhileWaiting: ReadonlySet<AgentWord["kind"]> = new Set(["complete", "ask"]);

function isRecorded(assignment: LedgerAssignment, word: AgentWord): boolean {
  switch (word.kind) {
    case "accept":
      return assignment.leaseUntil !== undefined;
    case "reject":
      return assignment.state === "rejected";
    case "complete":
      return assignment.state === "completed";
    case "fail":
      return assignment.state === "failed";
    case "ask":
      return isAsked(assignment, word);
    case "progress":
    case "extend":
      return false;
  }
}

function isLatest(entry: LedgerEntry, assignment: LedgerAssignment): boolean {
  return entry.fence === assignment.fence;
}

function stale(entry: LedgerEntry, assignment: LedgerAssignment, fence: number): AppError {
  const why = endsOfTheMesh.has(assignment.state)
    ? `ended as ${assignment.state}`
    : `fence ${fence} is not the present ${entry.fence}`;
  return new AppError("conflict", `assignment ${assignment.id} is stale: ${why}`, { reason: "stale_assignment" });
}

function refuse(error: AppError): Outcome {
  return { kind: "refused", error };
}
