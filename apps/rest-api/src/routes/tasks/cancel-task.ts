import { parseWith, textSchema } from "@devmesh/models";
import { getTask } from "@devmesh/tasks";
import { z } from "@hono/zod-openapi";
import { defineRoute, type Route } from "../../http/route.ts";
import { idParams, taskExample, taskSchema } from "../../schemas/task-schema.ts";
import { taskIdOf } from "../../task-view.ts";
import type { RouteDeps } from "../route-deps.ts";
import { assertRecorded } from "./assert-recorded.ts";
import { maxBodyBytes } from "./submit-task.ts";

const cancelSchema = z.object({ reason: textSchema(200).optional() }).meta({ id: "TaskCancel" });

/** `POST /tasks/{id}/cancel` */
export function cancelTask({ engine, reads }: Pick<RouteDeps, "engine" | "reads">): Route {
  return defineRoute({
    method: "post",
    path: "/tasks/{id}/cancel",
    operationId: "cancelTask",
    tag: "Tasks",
    summary: "Cancel a task, and all that was delegated from it",
    description: "A final task is answered as it is.",
    scope: "tasks:write",
    params: idParams,
    body: {
      schema: cancelSchema,
      example: { reason: "not needed any more" },
      maxBytes: maxBodyBytes,
      isOptional: true,
    },
    success: {
      status: 200,
      description: "The task as it is now.",
      data: taskSchema,
      example: { ...taskExample, state: "cancelled" },
    },
    errors: ["not_found", "conflict"],
    async handle({ principal: { tenantId }, params, body }) {
      const { reason = "cancelled by a caller" } = parseWith(cancelSchema, body ?? {});
      const ref = { tenantId, taskId: taskIdOf(params) };
      assertRecorded(await engine.cancel(ref, reason));
      return { data: await getTask(reads, ref) };
    },
  });
}
