import { taskStates } from "@devmesh/models";
import { explainQueued } from "@devmesh/tasks";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { agentParams } from "../../schemas/agent-schema.ts";
import { listedTaskExample, taskSchema } from "../../schemas/task-schema.ts";
import type { RouteDeps } from "../route-deps.ts";
import { findAgent } from "./find-agent.ts";

/** `GET /agents/{id}/tasks` */
export function listAgentTasks(deps: Pick<RouteDeps, "agents" | "reads">): Route {
  const { reads } = deps;
  return defineRoute({
    method: "get",
    path: "/agents/{id}/tasks",
    operationId: "listAgentTasks",
    tag: "Agents",
    summary: "List the tasks that an agent was assigned last, newest first",
    scope: "tasks:read",
    params: agentParams,
    query: z.object({ limit: limitParameter, cursor: cursorParameter, state: z.enum(taskStates).optional() }),
    success: {
      status: 200,
      description: "A page, at most 4 MiB. Without `input`, `output` and `assignment.why`.",
      data: z.array(taskSchema),
      isPaged: true,
      example: [listedTaskExample],
    },
    errors: ["not_found"],
    async handle(request) {
      const { limit, cursor, state } = request.query;
      const { tenantId } = request.principal;
      const { id } = await findAgent(deps, request);
      const found = await reads.list(tenantId, { agent: id, state }, { limit: limit + 1, after: cursor });
      const tasks = await explainQueued(reads, tenantId, found);
      const page = cutPage(tasks, { limit, cursorOf: (task) => encodeCursor({ at: task.createdAt, id: task.id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
