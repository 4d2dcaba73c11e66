import type { ExternalTool, TenantId, ToolServer, ToolServerId } from "@devmesh/models";
import type { ToolGateway } from "../gateway.ts";

/** Where tools are kept as they were last seen. */
export interface SeenTools<Tool extends ExternalTool> {
  find(tenantId: TenantId, ref: { readonly serverId: ToolServerId; readonly name: string }): Promise<Tool | undefined>;
  findByCallName(tenantId: TenantId, serverId: ToolServerId, callName: string): Promise<Tool | undefined>;
}

/** A tool that is looked for, by the name that its server knows or the one that it is called by. */
export interface ToolAsked {
  readonly tenantId: TenantId;
  readonly server: ToolServer & { readonly toolsSeenAt?: string };
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Finds a tool as it was last seen. A server that was never asked for its tools is asked now. */
export async function findTool<Tool extends ExternalTool>(
  seen: SeenTools<Tool>,
  gateway: Pick<ToolGateway, "refresh">,
  { tenantId, server, name, signal }: ToolAsked,
): Promise<Tool | undefined> {
  const find = async (): Promise<Tool | undefined> =>
    (await seen.findByCallName(tenantId, server.id, name)) ??
    (await seen.find(tenantId, { serverId: server.id, name }));
  const known = await find();
  if (known !== undefined || !server.enabled || server.toolsSeenAt !== undefined) return known;
  await gateway.refresh({ tenantId, server }, { signal });
  return find();
}
