import { AppError, type TaskId, type TaskState, type TenantId } from "@devmesh/models";

/** Names a task that is waited for. */
export interface AwaitedTask {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
}

/** A task's place in its life, without the task. `eventSeq` is the `seq` of its latest event. */
export interface TaskStanding {
  readonly state: TaskState;
  readonly eventSeq: number;
}

/** Where standings are read. Tasks of another tenant, and unknown ones, are absent. */
export interface TaskStates {
  states(refs: readonly AwaitedTask[]): Promise<ReadonlyMap<TaskId, TaskStanding>>;
}

/** @throws AppError `not_found` for a task that the tenant does not have. */
export async function findStanding(reads: TaskStates, ref: AwaitedTask): Promise<TaskStanding> {
  const standing = (await reads.states([ref])).get(ref.taskId);
  if (standing === undefined) throw new AppError("not_found", `no task ${ref.taskId}`);
  return standing;
}
