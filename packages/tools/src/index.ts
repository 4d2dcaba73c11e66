export { mayUseServer } from "./access.ts";
export { createToolGateway } from "./create-gateway.ts";
export type {
  ToolCaller,
  ToolGateway,
  ToolGatewayDeps,
  ToolGatewayLimits,
  ToolGatewayObserver,
  ToolInvocation,
  ToolStanding,
} from "./gateway.ts";
export type { ToolLook } from "./look.ts";
export { toolCallName } from "./names.ts";
export type {
  LeftOutTool,
  OutgoingCall,
  SchemaChecker,
  ToolAudit,
  ToolBreaker,
  ToolConnection,
  ToolListing,
  ToolServerStore,
  ToolTarget,
  ToolTransport,
} from "./ports.ts";
export { findTool } from "./servers/find-tool.ts";
export { healthOf } from "./servers/health-of.ts";
export { changeServer, noServer, registerServer } from "./servers/register-server.ts";
export { type Resealed, resealSecrets, type SealedSecrets, type StoredSecret } from "./servers/reseal-secrets.ts";
export { serverFindings } from "./servers/server-findings.ts";
