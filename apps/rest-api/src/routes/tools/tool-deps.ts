import type { TenantId, ToolServerTransport } from "@devmesh/models";
import type { ExternalToolRepository, ToolCallRepository, ToolServerRepository } from "@devmesh/repositories";
import type { SecretBox } from "@devmesh/runtime";
import type { ToolGateway } from "@devmesh/tools";

/** What the routes of external tool servers stand on. */
export interface ToolDeps {
  readonly toolServers: ToolServerRepository;
  readonly externalTools: ExternalToolRepository;
  readonly toolCalls: ToolCallRepository;
  readonly toolGateway: Pick<ToolGateway, "call" | "refresh" | "standingOf" | "forget">;
  readonly secretBox: SecretBox;
  /** Refuses a way to a server that this process may not take. @throws AppError `failed_precondition` */
  readonly assertTransportAllowed: (transport: ToolServerTransport) => void;
  /** Tells the mesh that the tools of a tenant are not what they were, or that a server waits to be looked at. */
  readonly onToolsChanged: (tenantId: TenantId) => void;
}
