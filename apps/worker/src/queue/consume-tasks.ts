import type { ReceivedMessage } from "@devmesh/adapters";
import { AppError, isUuid, type LaneId, type TaskId, type TenantId } from "@devmesh/models";
import { createBatchWriter, type TaskEngine, type TaskRef } from "@devmesh/tasks";
import type { DatabaseWatch } from "../database-watch.ts";

export interface TaskMessagesDeps {
  readonly engine: Pick<TaskEngine, "requestAssignment">;
  /** The lanes of those tasks that are queued. */
  readonly findQueuedLanes: (
    refs: readonly TaskRef[],
  ) => Promise<readonly { readonly tenantId: TenantId; readonly taskId: TaskId; readonly laneId: LaneId }[]>;
  readonly watch: DatabaseWatch;
}

const maxLookUp = 100;

/**
 * Makes the handler of `devmesh-tasks`: it looks for an agent for a task's lane. A task that is no longer queued, or
 * unknown, is nobody's concern any more. Several messages at once are one look-up.
 *
 * The handler throws `invalid_argument` for a body that is no `{tenantId, taskId}`.
 */
export function createTaskMessageHandler(deps: TaskMessagesDeps): (message: ReceivedMessage) => Promise<"done"> {
  const lanes = createBatchWriter<TaskRef, LaneId | undefined>({
    run: async (refs) => {
      const found = await deps.findQueuedLanes(refs);
      const lanesByTask = new Map(found.map(({ taskId, laneId }) => [taskId, laneId]));
      return refs.map(({ taskId }) => lanesByTask.get(taskId));
    },
    maxBatch: maxLookUp,
    ownerOf: ({ tenantId }) => tenantId,
    concurrency: 1,
    maxWaiting: 1_000,
  });
  return async (message) => {
    const ref = parseTaskMessage(message.body);
    try {
      const laneId = await lanes.add(ref);
      if (laneId !== undefined) {
        deps.engine.requestAssignment({ lanes: [{ tenantId: ref.tenantId, laneId }], agents: [] });
      }
      return "done";
    } catch (error) {
      deps.watch.noteFailure(error);
      throw error;
    }
  };
}

/** The body of a message about a queued task. */
export function toTaskMessage({ tenantId, taskId }: TaskRef): string {
  return JSON.stringify({ tenantId, taskId });
}

/** @throws AppError `invalid_argument`, saying what is wrong with the body. */
export function parseTaskMessage(body: string): TaskRef {
  const { tenantId, taskId } = parseObject(body);
  if (typeof tenantId !== "string" || !isUuid(tenantId)) throw malformed("tenantId is no uuid");
  if (typeof taskId !== "string" || !isUuid(taskId)) throw malformed("taskId is no uuid");
  return { tenantId: tenantId as TenantId, taskId: taskId as TaskId };
}

function parseObject(body: string): { readonly tenantId?: unknown; readonly taskId?: unknown } {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    throw malformed("the body is no JSON");
  }
  throw malformed("the body is no JSON object");
}

function malformed(problem: string): AppError {
  return new AppError("invalid_argument", `malformed task message: ${problem}`, { reason: "malformed_message" });
}
