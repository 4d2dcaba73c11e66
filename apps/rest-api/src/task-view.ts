import { AppError, parseId, type Task, type TaskId, type TenantId } from "@devmesh/models";
import { explainUnassigned } from "@devmesh/tasks";
import type { TaskReads } from "./task-reads.ts";

/** Adds to queued tasks why no agent has them, as things stand now. */
export async function explainQueued(
  reads: Pick<TaskReads, "laneStandings">,
  tenantId: TenantId,
  tasks: readonly Task[],
): Promise<readonly Task[]> {
  const queued = tasks.filter(({ state }) => state === "queued").map(({ id }) => id);
  if (queued.length === 0) return tasks;
  const standings = await reads.laneStandings(tenantId, queued);
  return tasks.map((task) => {
    const standing = standings.get(task.id);
    return standing === undefined ? task : { ...task, unassignedBecause: explainUnassigned(standing) };
  });
}

/** The whole task. @throws AppError `not_found` for one that the tenant does not have. */
export async function getTask(
  reads: Pick<TaskReads, "get" | "laneStandings">,
  { tenantId, taskId }: { readonly tenantId: TenantId; readonly taskId: TaskId },
): Promise<Task> {
  const [task] = await explainQueued(reads, tenantId, await reads.get(tenantId, [taskId], "whole"));
  if (task === undefined) throw new AppError("not_found", `no task ${taskId}`);
  return task;
}

/** The task that a path names. @throws AppError `not_found` for what is no id. */
export function taskIdOf(params: Readonly<Record<string, string>>): TaskId {
  return parseId<TaskId>(params["id"] ?? "", "task");
}
