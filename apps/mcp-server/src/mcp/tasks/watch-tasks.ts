import type { Principal } from "@devmesh/auth";
import { AppError, isUuid, type TaskId } from "@devmesh/models";
import type { Logger } from "@devmesh/observability";
import { sleep, type TaskWaiters, type TaskWatch } from "@devmesh/runtime";
import type { DetailedTask } from "./mcp-task.ts";
import { describeDetailed, mayUse, type ReadTaskDeps } from "./read-task.ts";

/** What a subscription to tasks tells. */
export interface TaskNotification {
  readonly method: "notifications/tasks";
  readonly params: DetailedTask;
}

export interface WatchTasksDeps extends ReadTaskDeps {
  readonly waiters: Pick<TaskWaiters, "watch">;
  readonly logger: Logger;
}

/** Tasks of one subscription. Judgement. */
export const maxWatchedTasks = 100;
/** Between two notifications of one task: an agent's progress may come many times a second. Judgement. */
const paceMs = 200;
/** The waiters look at the database by themselves as often as they must. */
const idleMs = 60_000;

/**
 * Tells a subscription of every change of these tasks until `signal` aborts, whatever node makes it: hints say when to
 * look, and what is told was read from the ledger. Changes in quick succession come as one. Answers the ids that it
 * tells of; unknown ones, and those that the principal may not read, are left out.
 *
 * @throws AppError `invalid_argument` for more than 100 ids; `resource_exhausted` where too many wait for tasks.
 */
export async function watchTasks(
  deps: WatchTasksDeps,
  { principal, taskIds, tell, signal }: WatchTasksAsked,
): Promise<readonly string[]> {
  if (taskIds.length > maxWatchedTasks) {
    const message = `${taskIds.length} tasks in one subscription, the limit is ${maxWatchedTasks}`;
    throw new AppError("invalid_argument", message, { reason: "invalid_params" });
  }
  const { tenantId } = principal;
  const ids = [...new Set(taskIds)].filter(isUuid) as TaskId[];
  using stack = new DisposableStack();
  // watched before the first look: what changes between the two is heard
  const watches = ids.map((taskId) => ({ taskId, watch: stack.use(deps.waiters.watch({ tenantId, taskId })) }));
  const tasks = ids.length === 0 ? [] : await deps.taskReads.get(tenantId, ids, "whole");
  const readable = new Set(tasks.filter((task) => mayUse(principal, task, "tasks:read")).map(({ id }) => id));
  stack.move();
  for (const { taskId, watch } of watches) {
    const following = readable.has(taskId) ? follow(deps, { tenantId, taskId, watch, tell, signal }) : undefined;
    void Promise.resolve(following)
      .catch((err) => deps.logger.warn({ err, taskId }, "watching a task failed"))
      .finally(() => watch[Symbol.dispose]());
  }
  return ids.filter((id) => readable.has(id));
}

/** A subscription's wish. */
export interface WatchTasksAsked {
  readonly principal: Principal;
  readonly taskIds: readonly string[];
  readonly tell: (notification: TaskNotification) => void;
  readonly signal: AbortSignal;
}

interface Followed extends Pick<WatchTasksAsked, "tell" | "signal"> {
  readonly tenantId: Principal["tenantId"];
  readonly taskId: TaskId;
  readonly watch: TaskWatch;
}

/** The present state is told first: whoever subscribes has missed nothing. */
async function follow(deps: WatchTasksDeps, { tenantId, taskId, watch, tell, signal }: Followed): Promise<void> {
  let told = "";
  while (!signal.aborted) {
    const params = await readDetailed(deps, tenantId, taskId);
    const text = JSON.stringify(params);
    if (params !== undefined && text !== told && !signal.aborted) tell({ method: "notifications/tasks", params });
    told = text ?? told;
    // what could not be read is read again soon; what is over can't change any more
    if (params?.status === "completed" || params?.status === "cancelled") return;
    if (params !== undefined) await watch.changed(idleMs, signal);
    await sleep(paceMs, signal);
  }
}

async function readDetailed(
  deps: WatchTasksDeps,
  tenantId: Principal["tenantId"],
  taskId: TaskId,
): Promise<DetailedTask | undefined> {
  try {
    const [task] = await deps.taskReads.get(tenantId, [taskId], "whole");
    return task === undefined ? undefined : await describeDetailed(deps, tenantId, task);
  } catch (err) {
    deps.logger.debug({ err, taskId }, "a watched task was not read");
    return undefined;
  }
}
