import { setTimeout as delay } from "node:timers/promises";
import { type TaskContext, TaskFailure } from "@devmesh/agent-sdk";
import type { WorkInput, WorkKind } from "./observation.ts";

/** Does a task; what it throws is how its attempt failed. */
export type Act = (input: WorkInput, about: Pick<TaskContext, "signal" | "attempt">) => Promise<void>;

/** How tasks of each kind are done, by whatever door their agent has them from. */
export const acts: Readonly<Record<WorkKind, Act>> = {
  echo: work,
  picky: work,
  // goes on whatever it is told
  deaf: ({ workMs }) => delay(workMs),
  flaky: async (input, about) => {
    await work(input, about);
    if (about.attempt === 1) throw new TaskFailure("retryable", "not the first time", { retryAfterMs: 100 });
  },
  doomed: async () => {
    throw new TaskFailure("permanent", "never");
  },
};

async function work({ workMs }: WorkInput, { signal }: { readonly signal: AbortSignal }): Promise<void> {
  await delay(workMs, undefined, { signal });
}
