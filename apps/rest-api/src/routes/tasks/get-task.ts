import { getTask as readTask } from "@devmesh/tasks";
import { defineRoute, type Route } from "../../http/route.ts";
import { idParams, taskExample, taskSchema } from "../../schemas/task-schema.ts";
import { taskIdOf } from "../../task-view.ts";
import type { RouteDeps } from "../route-deps.ts";

/** `GET /tasks/{id}` */
export function getTask({ reads }: Pick<RouteDeps, "reads">): Route {
  return defineRoute({
    method: "get",
    path: "/tasks/{id}",
    operationId: "getTask",
    tag: "Tasks",
    summary: "Get one task",
    scope: "tasks:read",
    params: idParams,
    success: { status: 200, description: "The whole task.", data: taskSchema, example: taskExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params }) {
      return { data: await readTask(reads, { tenantId, taskId: taskIdOf(params) }) };
    },
  });
}
