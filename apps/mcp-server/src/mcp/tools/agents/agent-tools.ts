import type { Tool } from "../tool.ts";
import { agentDeregister } from "./agent-deregister.ts";
import { agentHeartbeat } from "./agent-heartbeat.ts";
import { agentList } from "./agent-list.ts";
import { agentRegister } from "./agent-register.ts";
import type { AgentToolDeps } from "./agent-tool-deps.ts";
import { agentUpdate } from "./agent-update.ts";

/** The tools by which an agent says that it is there, and finds others. */
export function agentTools(deps: AgentToolDeps): readonly Tool[] {
  return [agentRegister(deps), agentHeartbeat(deps), agentUpdate(deps), agentList(deps), agentDeregister(deps)];
}
