export { mayUseServer } from "./access.ts";
export {
  createToolGateway,
  type ToolCaller,
  type ToolGateway,
  type ToolGatewayDeps,
  type ToolGatewayLimits,
  type ToolGatewayObserver,
  type ToolInvocation,
  type ToolLook,
  type ToolStanding,
} from "./gateway.ts";
export { toolCallName } from "./names.ts";
export type {
  LeftOutTool,
  OutgoingCall,
  SchemaChecker,
  ToolAudit,
  ToolBreaker,
  ToolConnection,
  ToolContent,
  ToolListing,
  ToolProgress,
  ToolResult,
  ToolServerStore,
  ToolTarget,
  ToolTransport,
} from "./ports.ts";
export { createToolIndex, type SearchableTool, type ToolIndex } from "./tool-index.ts";
