import { AppError, parseTraceparent, parseWith } from "@devmesh/models";
import type { ToolServerStanding } from "@devmesh/repositories";
import { findTool } from "@devmesh/tools";
import { defineRoute, type Route } from "../../http/route.ts";
import { emptyBody } from "../../schemas/empty-body.ts";
import {
  toolCallExample,
  toolCallSchema,
  toolLookExample,
  toolLookSchema,
  toolParams,
  toolResultExample,
  toolResultSchema,
} from "../../schemas/tool-schema.ts";
import { findServer } from "./find-server.ts";
import type { ToolDeps } from "./tool-deps.ts";

const maxBodyBytes = 1_048_576;

type Deps = Pick<ToolDeps, "toolServers" | "externalTools" | "toolGateway">;

/** `POST /tools/{id}/execute` */
export function executeTool(deps: Deps): Route {
  return defineRoute({
    method: "post",
    path: "/tools/{id}/execute",
    operationId: "executeTool",
    tag: "Tools",
    summary: "Call a tool of an external server",
    description:
      "Answers with what the tool gave, also where the tool says that it failed. Each call is recorded, and none is made " +
      "twice: who gets no answer can't know whether the tool did anything.",
    scope: "tools:execute",
    params: toolParams,
    body: { schema: toolCallSchema, example: toolCallExample, maxBytes: maxBodyBytes },
    success: { status: 200, description: "What the tool gave.", data: toolResultSchema, example: toolResultExample },
    errors: ["not_found", "failed_precondition"],
    async handle({ principal, params, headers, body, signal }) {
      const server = await findServer(deps, principal, params);
      const asked = parseWith(toolCallSchema, body);
      const timeoutMs = timeoutOf(server, asked.timeoutMs);
      const { tenantId, id: principalId, scopes } = principal;
      const tool = await findTool(deps.externalTools, deps.toolGateway, { tenantId, server, name: asked.tool, signal });
      if (tool === undefined) throw noTool(server, asked.tool);
      const result = await deps.toolGateway.call({
        tenantId,
        server: { ...server, timeoutMs },
        tool,
        caller: { principalId, scopes, door: "rest" },
        // as it came: a schema would drop members
        arguments: (body as { readonly arguments?: unknown }).arguments ?? {},
        traceparent: parseTraceparent(headers.get("traceparent") ?? undefined),
        signal,
      });
      return { data: result };
    },
  });
}

/** `POST /tools/{id}/refresh` */
export function refreshTools(deps: Pick<ToolDeps, "toolServers" | "toolGateway">): Route {
  return defineRoute({
    method: "post",
    path: "/tools/{id}/refresh",
    operationId: "refreshTools",
    tag: "Tools",
    summary: "Ask an external server for its tools now",
    scope: "admin",
    params: toolParams,
    body: emptyBody,
    success: { status: 200, description: "How it went.", data: toolLookSchema, example: toolLookExample },
    errors: ["not_found"],
    async handle({ principal, params, signal }) {
      const server = await findServer(deps, principal, params);
      const { check, listing } = await deps.toolGateway.refresh({ tenantId: principal.tenantId, server }, { signal });
      const toolCount = listing?.tools.length;
      return { data: { check, ...(toolCount !== undefined && { toolCount }), leftOut: listing?.leftOut ?? [] } };
    },
  });
}

/** @throws AppError `invalid_argument` for more than the server's. */
function timeoutOf(server: ToolServerStanding, asked = server.timeoutMs): number {
  if (asked <= server.timeoutMs) return asked;
  const message = `timeoutMs ${asked} exceeds the server's limit of ${server.timeoutMs}`;
  throw new AppError("invalid_argument", message, { details: [{ path: "timeoutMs", message }] });
}

function noTool(server: ToolServerStanding, name: string): AppError {
  return new AppError("not_found", `tool server ${server.name} has no tool ${JSON.stringify(name)}`);
}
