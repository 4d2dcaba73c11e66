import type { Task, TaskId, TenantId } from "@devmesh/models";
import { createBatchWriter } from "@devmesh/tasks";
import type { TaskReads } from "./stores.ts";

/** Tasks of one statement, statements, waiting. A whole task may have 2 MiB. Judgement. */
const maxBatch = 16;
const concurrency = 2;
const maxWaiting = 10_000;

interface Asked {
  readonly tenantId: TenantId;
  readonly taskId: TaskId;
}

/**
 * The same reads, but that single tasks are read together: those that are asked for in one turn of the event loop, and
 * those that come while others are being read. None is read before it was asked for.
 */
export function gatherReads<Reads extends Pick<TaskReads, "get">>(reads: Reads): Reads {
  const gathered = createBatchWriter<Asked, Task | undefined>({
    run: (asked) => readTogether(reads, asked),
    maxBatch,
    concurrency,
    maxWaiting,
    ownerOf: ({ tenantId }) => tenantId,
  });
  return {
    ...reads,
    async get(tenantId: TenantId, taskIds: readonly TaskId[], detail: "whole" | "listed") {
      const [taskId, ...more] = taskIds;
      if (taskId === undefined || more.length > 0 || detail === "listed") return reads.get(tenantId, taskIds, detail);
      const task = await gathered.add({ tenantId, taskId });
      return task === undefined ? [] : [task];
    },
  };
}

async function readTogether(
  reads: Pick<TaskReads, "get">,
  asked: readonly Asked[],
): Promise<readonly (Task | undefined)[]> {
  const byTenant = Map.groupBy(asked, ({ tenantId }) => tenantId);
  const found = await Promise.all(
    [...byTenant].map(async ([tenantId, ofTenant]) => {
      const ids = [...new Set(ofTenant.map(({ taskId }) => taskId))];
      const tasks = await reads.get(tenantId, ids, "whole");
      return [tenantId, new Map(tasks.map((task) => [task.id, task]))] as const;
    }),
  );
  const tasksByTenant = new Map(found);
  return asked.map(({ tenantId, taskId }) => tasksByTenant.get(tenantId)?.get(taskId));
}
