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
import type { TaskToolDeps } from "./task-tool-deps.ts";

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
