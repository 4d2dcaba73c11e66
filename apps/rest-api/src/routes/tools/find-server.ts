import { hasScope, type Principal } from "@devmesh/auth";
import { parseId, type ToolServerId } from "@devmesh/models";
import type { ToolServerStanding } from "@devmesh/repositories";
import { mayUseServer, noServer } from "@devmesh/tools";
import type { ToolDeps } from "./tool-deps.ts";

/** The server that a path names. @throws AppError `not_found` for what is no id. */
export function serverIdOf(params: Readonly<Record<string, string>>): ToolServerId {
  return parseId<ToolServerId>(params["id"] ?? "", "tool server");
}

/** The server that a path names. @throws AppError `not_found`, also where the principal lacks a scope of the server's. */
export async function findServer(
  { toolServers }: Pick<ToolDeps, "toolServers">,
  principal: Principal,
  params: Readonly<Record<string, string>>,
): Promise<ToolServerStanding> {
  const id = serverIdOf(params);
  const server = await toolServers.find(principal.tenantId, id);
  if (server === undefined || !mayUseServer(principal.scopes, server)) throw noServer(id);
  return server;
}

/** A server as it is shown to a principal: how it is reached is for those who may change it. */
export function viewServer(principal: Principal, { check, transport, ...server }: ToolServerStanding) {
  return {
    ...server,
    ...(hasScope(principal, "admin") && { transport }),
    health: server.enabled ? (check?.state ?? "unknown") : "disabled",
  };
}
