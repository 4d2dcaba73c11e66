import type { AgentStore } from "@devmesh/agents";
import type { NewId, TaskId } from "@devmesh/models";
import type { Metrics } from "@devmesh/observability";
import type { TaskStates } from "@devmesh/runtime";
import type { TaskEngine } from "@devmesh/tasks";
import type { Caller } from "../caller.ts";
import type { ServerPart } from "../server/server-part.ts";
import { type TaskHandle, toHandle } from "./mcp-task.ts";
import { type ReadTaskDeps, readTask } from "./read-task.ts";
import { createRunCallers, type RunCallersDeps } from "./runs/run-callers.ts";
import type { RunKind } from "./runs/run-kind.ts";
import { createRuns, type Runs } from "./runs/run-tool.ts";
import { createToolAgents } from "./runs/submit-run.ts";
import { startToolRunner, type ToolRunnerDeps } from "./runs/tool-runner.ts";
import { toAwaited } from "./task-await.ts";
import { type TasksPartDeps, tasksPart } from "./tasks-part.ts";
import { type WatchTasksAsked, type WatchTasksDeps, watchTasks } from "./watch-tasks.ts";

/** The tasks of MCP on one node. Disposal lets runs finish for a while. */
export interface McpTasks extends AsyncDisposable {
  readonly part: ServerPart;
  /** A task as `tools/call` hands it out. */
  describeTask(caller: Caller, taskId: TaskId): Promise<Readonly<Record<string, unknown>>>;
  /** Tells a subscription of tasks. @throws AppError as `watchTasks` does */
  watchTasks(asked: WatchTasksAsked): Promise<readonly string[]>;
  readonly runs: Runs;
  /** Another node may have left a run. Never waits. */
  lookSoon(): void;
  /** Carries out nothing new from now on: the node is about to end. */
  stopClaiming(): void;
}

export interface McpTasksDeps
  extends Omit<TasksPartDeps, "toAwaited">,
    Omit<WatchTasksDeps, "toAwaited">,
    Pick<RunCallersDeps, "findKey" | "credentialCheckMs" | "now">,
    Pick<ToolRunnerDeps, "findWaiting" | "limits" | "pull"> {
  readonly engine: Pick<TaskEngine, "submit" | "perform" | "claim" | "answer" | "cancel">;
  readonly agents: Pick<AgentStore, "find" | "register">;
  readonly taskReads: ReadTaskDeps["taskReads"] & TaskStates;
  /** What this node can carry out: the same on every node. */
  readonly kinds: readonly RunKind[];
  /** How long a node may be silent until its runs are another's. */
  readonly leaseMs: number;
  readonly newId: NewId;
  readonly metrics: Metrics;
}

/** Opens the tasks of a node: it answers for all of the mesh, and carries out those that it claims. */
export function openTasks(deps: McpTasksDeps): McpTasks {
  const { engine, kinds, newId } = deps;
  const shown = { ...deps, toAwaited };
  const toolAgents = createToolAgents(deps.agents, newId);
  const kindsByName = new Map(kinds.map((kind) => [kind.name, kind]));
  const callers = createRunCallers(deps);
  const runner = startToolRunner({ ...deps, toolAgents, callers, kinds: kindsByName });
  return {
    part: tasksPart(shown),
    async describeTask({ principal }, taskId) {
      const handle: TaskHandle = toHandle(await readTask(deps, principal, taskId, "tasks:read"));
      return { resultType: "task", ...handle };
    },
    watchTasks: (asked) => watchTasks(shown, asked),
    runs: createRuns({ ...deps, engine, toolAgents, callers, wake: (tenantId) => runner.wake(tenantId) }),
    lookSoon: () => runner.lookSoon(),
    stopClaiming: () => runner.stopClaiming(),
    async [Symbol.asyncDispose]() {
      await runner[Symbol.asyncDispose]();
      await callers[Symbol.asyncDispose]();
    },
  };
}
