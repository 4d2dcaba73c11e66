import type { AgentToolDeps } from "./agents/agent-tool-deps.ts";
import { agentTools } from "./agents/agent-tools.ts";
import type { MessageToolDeps } from "./messages/message-tool-deps.ts";
import { messageTools } from "./messages/message-tools.ts";
import type { PeopleToolDeps } from "./people/people-tool-deps.ts";
import { peopleTools } from "./people/people-tools.ts";
import { createPullPresence } from "./pull-presence.ts";
import type { TaskToolDeps } from "./tasks/task-tool-deps.ts";
import { taskTools } from "./tasks/task-tools.ts";
import type { Tool } from "./tool.ts";

/** What the tools of agents, tasks, messages and people work on. */
export type MeshToolDeps = Omit<AgentToolDeps & TaskToolDeps & MessageToolDeps & PeopleToolDeps, "presence"> & {
  /** How long an agent that pulls is present after a sign of life. */
  readonly presenceMs: number;
  /** Milliseconds of a clock, for ages only. */
  readonly now: () => number;
};

/** The tools by which agents live in the mesh. */
export function meshTools(deps: MeshToolDeps): readonly Tool[] {
  const presence = createPullPresence(deps.pull, { ...deps, onBack: deps.nudgeOutbox });
  const whole = { ...deps, presence };
  return [...agentTools(whole), ...taskTools(whole), ...messageTools(whole), ...peopleTools(whole)];
}
