import { maxServerTools, maxToolServers } from "@devmesh/models";
import type { ServerTool, ToolSummary } from "@devmesh/repositories";
import { healthOf, mayUseServer } from "@devmesh/tools";
import { z } from "@hono/zod-openapi";
import { cursorParameter, cutPage, encodeCursor, limitParameter, pageMeta } from "../../http/page.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import {
  listedToolServerExample,
  listedToolServerSchema,
  toolCallRecordExample,
  toolCallRecordSchema,
  toolHealthExample,
  toolHealthSchema,
  toolParams,
  toolServerExample,
  toolServerSchema,
} from "../../schemas/tool-schema.ts";
import { findServer, serverIdOf, viewServer } from "./find-server.ts";
import type { ToolDeps } from "./tool-deps.ts";

/** `GET /tools` */
export function listTools({ toolServers, externalTools }: Pick<ToolDeps, "toolServers" | "externalTools">): Route {
  return defineRoute({
    method: "get",
    path: "/tools",
    operationId: "listTools",
    tag: "Tools",
    summary: "List external tool servers with their tools, newest first",
    description: "Those whose scopes the key has: a page may be shorter than its limit, and not be the last.",
    scope: "tools:execute",
    query: z.object({ limit: limitParameter, cursor: cursorParameter }),
    success: {
      status: 200,
      description: "A page; tools are as they were last seen, without their schemas.",
      data: z.array(listedToolServerSchema),
      isPaged: true,
      example: [listedToolServerExample],
    },
    async handle({ principal, query: { limit, cursor } }) {
      const { tenantId } = principal;
      const found = await toolServers.list(tenantId, { limit: limit + 1, after: cursor });
      const ids = found.filter((server) => mayUseServer(principal.scopes, server)).map(({ id }) => id);
      const summaries = await externalTools.summaries(tenantId, ids, maxToolServers * maxServerTools);
      const listed = found.map((server) => ({
        ...viewServer(principal, server),
        tools: summaries.filter(({ serverId }) => serverId === server.id).map(withoutServer),
      }));
      const page = cutPage(listed, { limit, cursorOf: ({ createdAt, id }) => encodeCursor({ at: createdAt, id }) });
      return { data: page.items.filter(({ id }) => ids.includes(id)), meta: pageMeta(page) };
    },
  });
}

/** `GET /tools/{id}` */
export function getToolServer({ toolServers, externalTools }: Pick<ToolDeps, "toolServers" | "externalTools">): Route {
  return defineRoute({
    method: "get",
    path: "/tools/{id}",
    operationId: "getToolServer",
    tag: "Tools",
    summary: "Get one external tool server, with the schemas of its tools",
    scope: "tools:execute",
    params: toolParams,
    success: { status: 200, description: "The server.", data: toolServerSchema, example: toolServerExample },
    errors: ["not_found"],
    async handle({ principal, params }) {
      const server = await findServer({ toolServers }, principal, params);
      const tools = await externalTools.list(principal.tenantId, [server.id], maxServerTools);
      return { data: { ...viewServer(principal, server), tools: tools.map(withoutServer) } };
    },
  });
}

/** `GET /tools/{id}/health` */
export function getToolHealth({ toolServers, toolGateway }: Pick<ToolDeps, "toolServers" | "toolGateway">): Route {
  return defineRoute({
    method: "get",
    path: "/tools/{id}/health",
    operationId: "getToolHealth",
    tag: "Tools",
    summary: "Tell how an external tool server does",
    description:
      "What the last look found, and how it stands in the process that answers. Nothing is asked of the server.",
    scope: "tools:execute",
    params: toolParams,
    success: { status: 200, description: "How it does.", data: toolHealthSchema, example: toolHealthExample },
    errors: ["not_found"],
    async handle({ principal, params }) {
      const server = await findServer({ toolServers }, principal, params);
      return { data: healthOf(server, toolGateway.standingOf(server.id)) };
    },
  });
}

/** `GET /tools/{id}/calls` */
export function listToolCalls({ toolCalls }: Pick<ToolDeps, "toolCalls">): Route {
  return defineRoute({
    method: "get",
    path: "/tools/{id}/calls",
    operationId: "listToolCalls",
    tag: "Tools",
    summary: "List the calls of a server's tools, newest first",
    description: "Of 30 days. The calls of a server that was deleted are still there.",
    scope: "admin",
    params: toolParams,
    query: z.object({ limit: limitParameter, cursor: cursorParameter }),
    success: {
      status: 200,
      description: "A page.",
      data: z.array(toolCallRecordSchema),
      isPaged: true,
      example: [toolCallRecordExample],
    },
    errors: ["not_found"],
    async handle({ principal: { tenantId }, params, query: { limit, cursor } }) {
      const found = await toolCalls.list(tenantId, serverIdOf(params), { limit: limit + 1, after: cursor });
      const page = cutPage(found, { limit, cursorOf: ({ at, id }) => encodeCursor({ at, id }) });
      return { data: page.items, meta: pageMeta(page) };
    },
  });
}

function withoutServer<Tool extends ServerTool | ToolSummary>({ serverId: _, ...tool }: Tool): Omit<Tool, "serverId"> {
  return tool;
}
