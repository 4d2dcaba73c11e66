import type { NewId } from "@devmesh/models";
import type { TaskEngine } from "@devmesh/tasks";
import type { TaskReads } from "../../../stores.ts";
import type { ActingDeps } from "../acting.ts";
import type { Tool } from "../tool.ts";
import { taskCancel } from "./task-cancel.ts";
import { taskClaim } from "./task-claim.ts";
import { taskComplete } from "./task-complete.ts";
import { taskCreate } from "./task-create.ts";
import { taskFail } from "./task-fail.ts";
import { taskGet } from "./task-get.ts";
import { taskList } from "./task-list.ts";
import { taskProgress } from "./task-progress.ts";
import { taskRelease } from "./task-release.ts";

/** What the tools of tasks work on. */
export interface TaskToolDeps extends ActingDeps {
  readonly engine: Pick<TaskEngine, "submit" | "perform" | "cancel" | "claim">;
  readonly taskReads: TaskReads;
  /** Tells that there are new events. Never waits. */
  readonly nudgeOutbox: () => void;
  readonly newId: NewId;
}

/** The tools by which tasks are made, looked at, and worked on. */
export function taskTools(deps: TaskToolDeps): readonly Tool[] {
  return [
    taskCreate(deps),
    taskList(deps),
    taskGet(deps),
    taskClaim(deps),
    taskProgress(deps),
    taskComplete(deps),
    taskFail(deps),
    taskRelease(deps),
    taskCancel(deps),
  ];
}
