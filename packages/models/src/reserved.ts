import { AppError } from "./errors.ts";

/** The type, and the capability, of tasks by which the mesh itself runs a tool: nobody else submits them. */
export const reservedTaskType = "mcp.tool";

/** The agent that holds such tasks while a node works on them, one of each tenant: nobody registers it, or acts as it. */
export const reservedAgentName = "devmesh.tools";

/** @throws AppError `permission_denied` for the name of the mesh's own agent. */
export function assertNotReserved(agentName: string): void {
  if (agentName !== reservedAgentName) return;
  throw new AppError("permission_denied", `agent ${reservedAgentName} is the mesh's own`);
}
