import { AppError, type Task, type TaskId, type TenantId } from "@devmesh/models";
import { explainUnassigned, type LaneStanding } from "./assignment/explain.ts";

/** What tasks are shown from. Unknown tasks, and those of other tenants, are absent. */
export interface TaskViewReads {
  /** `whole` has input, output and `assignment.why`. */
  get(tenantId: TenantId, taskIds: readonly TaskId[], detail: "whole" | "listed"): Promise<readonly Task[]>;
  /** How the agents stand to the lanes of queued tasks. */
  laneStandings(tenantId: TenantId, taskIds: readonly TaskId[]): Promise<ReadonlyMap<TaskId, LaneStanding>>;
}

/** Adds to queued tasks why no agent has them, as things stand now. */
export async function explainQueued(
  reads: Pick<TaskViewReads, "laneStandings">,
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
  reads: TaskViewReads,
  { tenantId, taskId }: { readonly tenantId: TenantId; readonly taskId: TaskId },
): Promise<Task> {
  const [task] = await explainQueued(reads, tenantId, await reads.get(tenantId, [taskId], "whole"));
  if (task === undefined) throw new AppError("not_found", `no task ${taskId}`);
  return task;
}
