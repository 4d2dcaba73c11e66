import { isFinal, type Task, type TenantId } from "@devmesh/models";
import { type TaskStates, type TaskWaiters, waitForTask } from "@devmesh/runtime";
import type { CallToolResult, ContentBlock } from "@modelcontextprotocol/server";
import type { ToolAnswer, ToolCall } from "../../tools/tool.ts";
import { isToolRun, toResult } from "../mcp-task.ts";
import type { ReadTaskDeps } from "../read-task.ts";
import { assertTakesTasks } from "../tasks-part.ts";
import type { RunCallers } from "./run-callers.ts";
import type { Run, RunKind } from "./run-kind.ts";
import { type RunAsked, type SubmitRunDeps, submitRun } from "./submit-run.ts";

type Answer = ToolAnswer<Record<string, unknown>>;

/** How a tool hands its call over to a task. */
export interface Runs {
  /**
   * Makes the call a task and answers with its handle; or, where it is over within `quickMs`, with its result, so that a
   * client has nothing to poll for. Only for callers that take tasks.
   *
   * @throws AppError as `submitRun` does.
   */
  call(
    asked: Omit<RunAsked, "principal" | "traceparent"> & { readonly quickMs?: number },
    call: ToolCall,
  ): Promise<Answer>;
}

export interface RunsDeps extends SubmitRunDeps {
  readonly taskReads: ReadTaskDeps["taskReads"] & TaskStates;
  readonly waiters: Pick<TaskWaiters, "watch">;
  readonly callers: Pick<RunCallers, "noteSignedIn">;
  /** Has this node claim what waits for the tenant. */
  readonly wake: (tenantId: TenantId) => void;
}

/** Makes what tools hand their calls to. */
export function createRuns(deps: RunsDeps): Runs {
  return {
    async call({ quickMs = 0, ...asked }, { caller: { principal }, traceparent, signal }) {
      const { tenantId } = principal;
      const task = await submitRun(deps, { ...asked, principal, traceparent });
      deps.callers.noteSignedIn(task.id);
      deps.wake(tenantId);
      const handle: Answer = { kind: "task", taskId: task.id };
      if (quickMs === 0) return handle;
      const isDone = ({ state }: Pick<Task, "state">): boolean => isFinal(state) || state === "waiting";
      try {
        const { state } = await waitForTask(
          { ...deps, reads: deps.taskReads },
          { tenantId, taskId: task.id },
          { timeoutMs: quickMs, isDone, signal },
        );
        if (state !== "completed") return handle;
        const [ended] = await deps.taskReads.get(tenantId, [task.id], "whole");
        return ended !== undefined && isToolRun(ended) ? toAnswer(toResult(ended)) : handle;
      } catch {
        // the call is made: an error would have it made again
        return handle;
      }
    },
  };
}

/** Carries a call out in the request itself: for callers that take no tasks. It can ask nobody anything. */
export async function runDirectly(kind: RunKind, given: unknown, call: ToolCall): Promise<Answer> {
  const { caller, signal, traceparent, reportProgress } = call;
  const run: Run = {
    taskId: "" as Run["taskId"],
    principal: caller.principal,
    arguments: given,
    traceparent,
    signal,
    ask: async () => {
      assertTakesTasks(caller);
      throw new Error("a run without a task asked somebody");
    },
    report: ({ percent = 0, note }) => {
      void reportProgress(percent, { total: 100, ...(note !== undefined && { message: note }) });
    },
  };
  return toAnswer(await kind.run(run));
}

/** A result as a tool of the server answers it. */
export function toAnswer({ content, structuredContent, isError }: CallToolResult): Answer {
  return {
    kind: "complete",
    output: (structuredContent ?? {}) as Record<string, unknown>,
    content: content as readonly ContentBlock[],
    ...(isError === true && { isError }),
  };
}
