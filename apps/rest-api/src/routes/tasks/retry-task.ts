import { defineRoute, type Route } from "../../http/route.ts";
import { emptyBody } from "../../schemas/empty-body.ts";
import { idParams, taskExample, taskSchema } from "../../schemas/task-schema.ts";
import { getTask, taskIdOf } from "../../task-view.ts";
import type { RouteDeps } from "../route-deps.ts";
import { assertRecorded } from "./assert-recorded.ts";

/** `POST /tasks/{id}/retry` */
export function retryTask({ engine, reads, nudgeOutbox }: Pick<RouteDeps, "engine" | "reads" | "nudgeOutbox">): Route {
  return defineRoute({
    method: "post",
    path: "/tasks/{id}/retry",
    operationId: "retryTask",
    tag: "Tasks",
    summary: "Put a failed task back to the start with fresh attempts",
    description: "To `queued`, or to `blocked` where a dependency is not completed. A past deadline is refused.",
    scope: "tasks:write",
    params: idParams,
    body: emptyBody,
    success: { status: 200, description: "The task as it is now.", data: taskSchema, example: taskExample },
    errors: ["not_found", "conflict", "failed_precondition"],
    async handle({ principal: { tenantId }, params }) {
      const ref = { tenantId, taskId: taskIdOf(params) };
      assertRecorded(await engine.redrive(ref));
      nudgeOutbox();
      return { data: await getTask(reads, ref) };
    },
  });
}
