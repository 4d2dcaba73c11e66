import type { Guide } from "./guide.ts";
import { handoff } from "./guides/handoff.ts";
import { planGoal } from "./guides/plan-goal.ts";
import { reviewTask } from "./guides/review-task.ts";
import { startWorker } from "./guides/start-worker.ts";
import { triageInbox } from "./guides/triage-inbox.ts";

/** Every guide, in the order in which they are listed. */
export const allGuides: readonly Guide[] = [startWorker, triageInbox, planGoal, reviewTask, handoff];
