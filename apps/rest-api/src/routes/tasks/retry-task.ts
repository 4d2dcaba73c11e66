import { parseWith } from "@devmesh/models";
import { getTask } from "@devmesh/tasks";
import { defineRoute, type Route } from "../../http/route.ts";
import { idParams, taskExample, taskSchema } from "../../schemas/task-schema.ts";
import { taskIdOf } from "../../task-view.ts";
import { type RedriveDeps, redriveBody, redriveBodySchema, redriveTask } from "../dlq/redrive-task.ts";
import type { RouteDeps } from "../route-deps.ts";

/** `POST /tasks/{id}/retry` */
export function retryTask(deps: RedriveDeps & Pick<RouteDeps, "reads">): Route {
  return defineRoute({
    method: "post",
    path: "/tasks/{id}/retry",
    operationId: "retryTask",
    tag: "Tasks",
    summary: "Put a failed task back to the start with fresh attempts",
    description:
      "To `queued`, or to `blocked` where a dependency is not completed. A past deadline is refused. A redrive, as of `POST /dlq/{id}/redrive`: counted, and past three refused, reason `redrive_limit`, unless `force` is true.",
    scope: "tasks:write",
    params: idParams,
    body: redriveBody,
    success: { status: 200, description: "The task as it is now.", data: taskSchema, example: taskExample },
    errors: ["not_found", "conflict", "failed_precondition"],
    async handle({ principal, params, body }) {
      const { force = false } = parseWith(redriveBodySchema, body ?? {});
      const taskId = taskIdOf(params);
      await redriveTask(deps, principal, { taskId, force });
      return { data: await getTask(deps.reads, { tenantId: principal.tenantId, taskId }) };
    },
  });
}
