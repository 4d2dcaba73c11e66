import { availabilities, nameSchema } from "@devmesh/models";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { agentExample, agentSchema } from "../../schemas/agent-schema.ts";
import type { RouteDeps } from "../route-deps.ts";

const listQuery = z.object({
  limit: limitParameter,
  cursor: cursorParameter,
  capability: nameSchema.optional().openapi({ description: "The name of a capability that they have." }),
  availability: z.enum(availabilities).optional(),
});

/** `GET /agents` */
export function listAgents({ agents }: Pick<RouteDeps, "agents">): Route {
  return defineRoute({
    method: "get",
    path: "/agents",
    operationId: "listAgents",
    tag: "Agents",
    summary: "List agents, the latest registered first",
    scope: "agents:read",
    query: listQuery,
    success: {
      status: 200,
      description: "A page, at most 4 MiB.",
      data: z.array(agentSchema),
      isPaged: true,
      example: [agentExample],
    },
    async handle({ principal: { tenantId }, query: { limit, cursor, capability, availability } }) {
      const filter = { availability, ...(capability !== undefined && { capabilities: [capability] }) };
      const found = await agents.list(tenantId, filter, { limit: limit + 1, after: cursor });
      const page = cutPage(found, {
        limit,
        cursorOf: ({ registeredAt, id }) => encodeCursor({ at: registeredAt, id }),
      });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}
