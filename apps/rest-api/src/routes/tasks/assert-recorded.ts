import { assert } from "@devmesh/models";
import type { Outcome } from "@devmesh/tasks";

/** Lets an outcome pass that changed what was asked, or found it changed already. @throws the AppError of a refusal. */
export function assertRecorded(outcome: Outcome): void {
  if (outcome.kind === "refused") throw outcome.error;
  assert(outcome.kind === "recorded", "only an agent's result needs validation");
}
