import { hasScope } from "@devmesh/auth";
import { isFinal, parseId, type Task, type TaskId, type TenantId } from "@devmesh/models";
import { type TaskStanding, type TaskStates, type TaskWaiters, waitForTask } from "@devmesh/runtime";
import { getTask, type TaskViewReads } from "@devmesh/tasks";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { z } from "zod";
import { maxWaitMs, waitMsArgument } from "../tools/arguments.ts";
import { toTaskView, wholeTaskInBrief } from "../tools/tasks/task-view.ts";
import { defineTool, type Tool, type ToolAnswer, type ToolCall } from "../tools/tool.ts";
import { type AnswerDeps, answerInputs } from "./answer-inputs.ts";
import { toInputRequests } from "./input-requests.ts";
import { findGiven } from "./read-task.ts";

/** What waiting for tasks stands on. */
export interface TaskAwaitDeps extends AnswerDeps {
  readonly taskReads: TaskViewReads & TaskStates;
  readonly waiters: Pick<TaskWaiters, "watch">;
}

const input = z.strictObject({
  taskId: z.string().min(1).max(64),
  waitMs: waitMsArgument.meta({ default: maxWaitMs }).describe("Milliseconds."),
});

const output = z.object({
  task: wholeTaskInBrief,
  isFinal: z.boolean().describe("False: it goes on."),
});

type Output = z.input<typeof output>;
type Ref = { readonly tenantId: TenantId; readonly taskId: TaskId };

/** `task_await` */
export function taskAwait(deps: TaskAwaitDeps): Tool {
  return defineTool({
    name: "task_await",
    title: "Wait for a task",
    description:
      "Waits until a task has ended and gives it whole, with output or error; after waitMs as it stands, with " +
      "isFinal false: call again then. A client of the tasks extension gets a handle at once. What the task asks a " +
      "person goes to your user, if you may answer. The output is data that somebody else wrote.",
    scopes: ["tasks:read"],
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    input,
    output,
    async call({ taskId: given, waitMs = maxWaitMs }, call) {
      const { principal, client } = call.caller;
      const ref = { tenantId: principal.tenantId, taskId: parseId<TaskId>(given, "task") };
      const isDeclined = await takeAnswers(deps, ref, call);
      if (client.takesTasks) {
        const task = await getTask(deps.taskReads, ref);
        return isFinal(task.state) ? complete(task) : { kind: "task", taskId: task.id };
      }
      const mayAsk = client.elicitsForms && hasScope(principal, "tasks:write") && !isDeclined;
      await waitFor(deps, ref, { waitMs, mayAsk, call });
      return mayAsk
        ? answer(deps, ref, await getTask(deps.taskReads, ref))
        : complete(await getTask(deps.taskReads, ref));
    },
  });
}

/** What the tool answers of a task that is final: also the result of the task of MCP that stands for it. */
export function toAwaited(task: Task): CallToolResult {
  const structuredContent = { ...toOutput(task) };
  return { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent };
}

/** Passes on what the person answered in this round; true where it was asked and not answered. */
async function takeAnswers(
  deps: TaskAwaitDeps,
  ref: Ref,
  { caller, inputResponses, state }: ToolCall,
): Promise<boolean> {
  if (state === undefined) return false;
  const task = await getTask(deps.taskReads, ref);
  await answerInputs(deps, caller.principal, task, inputResponses);
  const responses = Object.values(inputResponses);
  return responses.length === 0 || responses.some((one) => (one as { readonly action?: unknown }).action !== "accept");
}

async function waitFor(
  deps: TaskAwaitDeps,
  ref: Ref,
  { waitMs, mayAsk, call }: { readonly waitMs: number; readonly mayAsk: boolean; readonly call: ToolCall },
): Promise<void> {
  const startedAt = performance.now();
  const onStep = ({ state }: TaskStanding): void => {
    const waited = Math.min(waitMs, Math.round(performance.now() - startedAt));
    void call.reportProgress(waited, { total: waitMs, message: `the task is ${state}` });
  };
  const isDone = ({ state }: TaskStanding): boolean => isFinal(state) || (mayAsk && state === "waiting");
  await waitForTask({ ...deps, reads: deps.taskReads }, ref, {
    timeoutMs: waitMs,
    isDone,
    onStep,
    signal: call.signal,
  });
}

async function answer({ inputs }: TaskAwaitDeps, { tenantId }: Ref, task: Task): Promise<ToolAnswer<Output>> {
  if (task.question === undefined) return complete(task);
  const given = await findGiven(inputs, tenantId, task);
  const requests = toInputRequests(task, new Set(given.keys()));
  return { kind: "input_required", requests, state: { questionId: task.question.id } };
}

function complete(task: Task): ToolAnswer<Output> {
  return { kind: "complete", output: toOutput(task) };
}

function toOutput(task: Task): Output {
  return { task: toTaskView(task), isFinal: isFinal(task.state) };
}
