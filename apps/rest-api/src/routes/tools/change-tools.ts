import { type NewId, parseWith } from "@devmesh/models";
import type { SecretBox } from "@devmesh/runtime";
import { changeServer, noServer, registerServer } from "@devmesh/tools";
import { readRequestKey } from "../../http/idempotency-key.ts";
import { defineRoute, type Route } from "../../http/route.ts";
import { creatingHeaders } from "../../schemas/creating-headers.ts";
import {
  newToolServerExample,
  newToolServerSchema,
  registeredToolServerExample,
  toolParams,
  toolServerSchema,
  toolServerUpdateSchema,
} from "../../schemas/tool-schema.ts";
import { serverIdOf, viewServer } from "./find-server.ts";
import type { ToolDeps } from "./tool-deps.ts";

const maxBodyBytes = 1_048_576;
const secrets =
  "A value of `env` or `headers` that is `{secret}` is kept encrypted, and never shown: in its place stands `{isSecret: true}`.";

type Deps = Pick<ToolDeps, "toolServers" | "secretBox" | "assertTransportAllowed" | "onToolsChanged">;

/** `POST /tools` */
export function registerToolServer(deps: Deps & { readonly newId: NewId }): Route {
  const { toolServers, secretBox, assertTransportAllowed: assertAllowed, onToolsChanged, newId } = deps;
  return defineRoute({
    method: "post",
    path: "/tools",
    operationId: "registerToolServer",
    tag: "Tools",
    summary: "Register an external MCP server, whose tools are called through the mesh",
    description: `A program or an address that the operator allows: any other is refused at once (\`failed_precondition\`, reason \`command_not_allowed\` or \`address_not_allowed\`). Its tools are asked for moments later. ${secrets}`,
    scope: "admin",
    headers: creatingHeaders.pick({ "idempotency-key": true }),
    body: { schema: newToolServerSchema, example: newToolServerExample, maxBytes: maxBodyBytes },
    success: {
      status: 201,
      description: "The server, before its tools are known.",
      data: toolServerSchema,
      example: registeredToolServerExample,
      headers: {
        Location: "Where the server is.",
        "Idempotent-Replay": "`true` where this is the stored first answer.",
      },
    },
    errors: ["conflict", "failed_precondition"],
    async handle({ principal, headers, body }) {
      const asked = parseWith(newToolServerSchema, body);
      const key = readRequestKey({ principal, headers, body: hideSecrets(body, secretBox) });
      const { made, isReplay } = await registerServer(
        { servers: toolServers, box: secretBox, newId, assertAllowed },
        principal.tenantId,
        { asked, key },
      );
      if (!isReplay) onToolsChanged(principal.tenantId);
      const location = `/api/v1/tools/${made.id}`;
      return {
        status: 201,
        data: { ...viewServer(principal, made), tools: [] },
        headers: { location, ...(isReplay && { "idempotent-replay": "true" }) },
      };
    },
  });
}

/** `PATCH /tools/{id}` */
export function updateToolServer(deps: Deps & Pick<ToolDeps, "toolGateway">): Route {
  const { toolServers, toolGateway, secretBox, assertTransportAllowed: assertAllowed, onToolsChanged } = deps;
  return defineRoute({
    method: "patch",
    path: "/tools/{id}",
    operationId: "updateToolServer",
    tag: "Tools",
    summary: "Change an external tool server",
    description:
      `What was opened for it is closed, and its tools are asked for anew. ${secrets} Given back so, a secret stays as it ` +
      "is, as long as it goes to the same place: the same address, or the same program with the same arguments and plain " +
      "variables. The name is for life.",
    scope: "admin",
    params: toolParams,
    body: { schema: toolServerUpdateSchema, example: { timeoutMs: 60_000 }, maxBytes: maxBodyBytes },
    success: {
      status: 200,
      description: "The server. Its tools are as they were last seen, and not told here.",
      data: toolServerSchema,
      example: { ...registeredToolServerExample, timeoutMs: 60_000, version: 2 },
    },
    errors: ["not_found", "conflict", "failed_precondition"],
    async handle({ principal, params, body }) {
      const id = serverIdOf(params);
      const update = parseWith(toolServerUpdateSchema, body);
      const change = { id, update };
      const changing = { servers: toolServers, box: secretBox, assertAllowed };
      const server = await changeServer(changing, principal.tenantId, change);
      await toolGateway.forget(id);
      onToolsChanged(principal.tenantId);
      return { data: { ...viewServer(principal, server), tools: [] } };
    },
  });
}

/** `DELETE /tools/{id}` */
export function deleteToolServer({
  toolServers,
  toolGateway,
  onToolsChanged,
}: Pick<ToolDeps, "toolServers" | "toolGateway" | "onToolsChanged">): Route {
  return defineRoute({
    method: "delete",
    path: "/tools/{id}",
    operationId: "deleteToolServer",
    tag: "Tools",
    summary: "Remove an external tool server, with its secrets",
    description: "Calls under way through the process that answers end.",
    scope: "admin",
    params: toolParams,
    success: {
      status: 200,
      description: "The server as it was last.",
      data: toolServerSchema,
      example: registeredToolServerExample,
    },
    errors: ["not_found"],
    async handle({ principal, params }) {
      const id = serverIdOf(params);
      const deleted = await toolServers.delete(principal.tenantId, id);
      if (deleted === undefined) throw noServer(id);
      await toolGateway.forget(id);
      onToolsChanged(principal.tenantId);
      return { data: { ...viewServer(principal, deleted), tools: [] } };
    },
  });
}

/** A body whose hash may be kept: it tells of another secret, and nobody can try secrets against it. */
function hideSecrets(body: unknown, box: Pick<SecretBox, "fingerprint">): unknown {
  const hide = (name: string, value: unknown): unknown =>
    name === "secret" && typeof value === "string" ? box.fingerprint(value) : value;
  return JSON.parse(JSON.stringify(body, hide));
}
