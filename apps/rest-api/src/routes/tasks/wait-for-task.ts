import { isFinal } from "@devmesh/models";
import { waitForTask as waitFor } from "@devmesh/runtime";
import { getTask } from "@devmesh/tasks";
import { z } from "@hono/zod-openapi";
import { integerParameter } from "../../http/query.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { idParams, taskExample, taskSchema } from "../../schemas/task-schema.ts";
import { taskIdOf } from "../../task-view.ts";
import type { RouteDeps } from "../route-deps.ts";

const waitQuery = z.object({
  timeoutMs: integerParameter({
    min: 0,
    max: 60_000,
    fallback: 30_000,
    description: "After this time the task is answered as it is.",
  }),
});

type WaitDeps = Pick<RouteDeps, "reads" | "waiters" | "stopping">;

/** `GET /tasks/{id}/wait` */
export function waitForTask(deps: WaitDeps): Route {
  return defineRoute({
    method: "get",
    path: "/tasks/{id}/wait",
    operationId: "waitForTask",
    tag: "Tasks",
    summary: "Wait until a task is final",
    description: "Answers when the task is final, or with its present state after the time.",
    scope: "tasks:read",
    params: idParams,
    query: waitQuery,
    success: { status: 200, description: "The whole task.", data: taskSchema, example: taskExample },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params, query: { timeoutMs }, signal }) {
      const ref = { tenantId, taskId: taskIdOf(params) };
      await waitFor(deps, ref, {
        timeoutMs,
        isDone: ({ state }) => isFinal(state),
        signal: AbortSignal.any([signal, deps.stopping]),
      });
      return { data: await getTask(deps.reads, ref) };
    },
  });
}
