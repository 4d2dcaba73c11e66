import type { NewId } from "@devmesh/models";
import type { Route } from "../../http/route.ts";
import { deleteToolServer, registerToolServer, updateToolServer } from "./change-tools.ts";
import { executeTool, refreshTools } from "./execute-tool.ts";
import { getToolHealth, getToolServer, listToolCalls, listTools } from "./read-tools.ts";
import type { ToolDeps } from "./tool-deps.ts";

/** Every route of external tool servers, in the order of the document. */
export function toolRoutes(deps: ToolDeps & { readonly newId: NewId }): readonly Route[] {
  return [
    listTools(deps),
    registerToolServer(deps),
    getToolServer(deps),
    updateToolServer(deps),
    deleteToolServer(deps),
    getToolHealth(deps),
    refreshTools(deps),
    executeTool(deps),
    listToolCalls(deps),
  ];
}
