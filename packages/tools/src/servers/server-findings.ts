import type { ExternalTool, TenantId, ToolCheck, ToolServer, ToolServerId } from "@devmesh/models";
import { toolCallName } from "../names.ts";
import type { ToolServerStore } from "../ports.ts";
import { openSecrets } from "./secrets.ts";
import type { SecretBox, ServerStore } from "./server-store.ts";

interface ServerVersion {
  readonly id: ToolServerId;
  readonly version: number;
}

/** What is kept of what was found out about servers, and where their secrets are. */
export interface FindingsDeps {
  readonly servers: Pick<ServerStore<ToolServer, unknown>, "secrets" | "find">;
  readonly box: SecretBox;
  readonly tools: {
    /** False where nothing has changed, and where the server is of another version by now. */
    record(
      tenantId: TenantId,
      server: ServerVersion,
      tools: readonly (ExternalTool & { readonly callName: string })[],
    ): Promise<boolean>;
  };
  readonly checks: { record(tenantId: TenantId, server: ServerVersion, check: ToolCheck): Promise<boolean> };
  /** Told when a tenant's tools are not what they were. */
  readonly onToolsChanged: (tenantId: TenantId) => void;
}

/** Keeps what the gateway finds out, and opens what it needs to call. */
export function serverFindings({ servers, box, tools, checks, onToolsChanged }: FindingsDeps): ToolServerStore {
  return {
    findSecrets: (tenantId, id) => openSecrets({ servers, box }, { tenantId, id }),
    async writeCheck({ tenantId, serverId, version }, check, listing) {
      const server = { id: serverId, version };
      const standing = await servers.find(tenantId, serverId);
      if (standing?.version !== version) return;
      const named = listing?.tools.map((tool) => ({ ...tool, callName: toolCallName(standing.name, tool.name) }));
      const isChanged = named !== undefined && (await tools.record(tenantId, server, named));
      // whoever sees that it is healthy finds its tools
      await checks.record(tenantId, server, check);
      if (isChanged) onToolsChanged(tenantId);
    },
  };
}
