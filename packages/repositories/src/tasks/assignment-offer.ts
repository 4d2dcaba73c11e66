import type { AssignmentOffer, Task } from "@devmesh/models";
import { type AssignedTaskRow, toAssignedTask } from "./task-columns.ts";

/** A row with what an agent is told of its assignment. */
export interface OfferRow extends AssignedTaskRow {
  readonly fence: number;
  readonly leaseMs: number;
  readonly acceptMs: number;
  readonly ageMs: number;
  readonly traceparent: string | null;
}

/** The offer of an assignment, with what belongs to its task and is read beside it. */
export function toOffer(row: OfferRow, beside: Pick<Task, "answers" | "dependencies"> = {}): AssignmentOffer {
  const { fence, leaseMs, acceptMs, ageMs, traceparent } = row;
  return {
    fence,
    leaseMs,
    acceptMs,
    ageMs,
    task: { ...toAssignedTask(row), ...beside },
    ...(traceparent !== null && { traceparent }),
  };
}
