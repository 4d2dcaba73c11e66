import { reservedTaskType, type Task, type TaskState } from "@devmesh/models";
import type { CallToolResult, InputRequests } from "@modelcontextprotocol/server";
import { type JsonRpcFailure, readJsonRpcFailure } from "./json-rpc-failure.ts";

/** A task as `tools/call` hands it out. */
export interface TaskHandle {
  readonly taskId: string;
  readonly status: McpTaskStatus;
  readonly statusMessage?: string;
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  /** Null: the ledger keeps its tasks. */
  readonly ttlMs: number | null;
  readonly pollIntervalMs: number;
}

export type McpTaskStatus = "working" | "input_required" | "completed" | "failed" | "cancelled";

/** A task as `tasks/get` and `notifications/tasks` show it: with what its status brings along. */
export interface DetailedTask extends TaskHandle {
  readonly result?: CallToolResult;
  readonly error?: JsonRpcFailure;
  readonly inputRequests?: InputRequests;
}

/** How often a client should look where it is not told. Judgement: what nobody notices as slow. */
const pollIntervalMs = 1_000;

/**
 * What MCP calls the states of a task. A task of the mesh that failed is a call of `task_await` that was answered;
 * `failed` is kept for calls that ended in an error of the protocol.
 *
 * | task | of `mcp.tool` | any other |
 * |---|---|---|
 * | blocked, scheduled, queued, assigned, running | working | working |
 * | waiting | input_required | input_required |
 * | completed | completed | completed |
 * | failed | failed | completed |
 * | cancelled | cancelled | cancelled |
 */
export function toStatus({ state, type }: Pick<Task, "state" | "type">): McpTaskStatus {
  if (state === "failed" && isToolRun({ type })) return "failed";
  return statusByState[state];
}

const statusByState: Readonly<Record<TaskState, McpTaskStatus>> = {
  blocked: "working",
  scheduled: "working",
  queued: "working",
  assigned: "working",
  running: "working",
  waiting: "input_required",
  completed: "completed",
  failed: "completed",
  cancelled: "cancelled",
};

/** True for a call of a tool that runs as a task; false for a task of the mesh that somebody awaits. */
export function isToolRun({ type }: Pick<Task, "type">): boolean {
  return type === reservedTaskType;
}

/** The handle of a task. */
export function toHandle(task: Task): TaskHandle {
  const statusMessage = toStatusMessage(task);
  return {
    taskId: task.id,
    status: toStatus(task),
    ...(statusMessage !== undefined && { statusMessage }),
    createdAt: task.createdAt,
    lastUpdatedAt: task.updatedAt,
    ttlMs: null,
    pollIntervalMs,
  };
}

/** What a task is shown with, beside itself. */
export interface TaskContext {
  /** What its client is asked, while it waits. */
  readonly inputRequests: InputRequests;
  /** What `task_await` answers of a task that is final. */
  readonly toAwaited: (task: Task) => CallToolResult;
}

/** A whole task as `tasks/get` shows it. */
export function toDetailed(task: Task, { inputRequests, toAwaited }: TaskContext): DetailedTask {
  const handle = toHandle(task);
  switch (handle.status) {
    case "working":
    case "cancelled":
      return handle;
    case "input_required":
      return { ...handle, inputRequests };
    case "completed":
      // a whole result, as its client would have got it at once
      return { ...handle, result: { ...(isToolRun(task) ? toResult(task) : toAwaited(task)), resultType: "complete" } };
    case "failed":
      return { ...handle, error: readJsonRpcFailure(task.error?.message ?? "the task failed") };
  }
}

/** The result that a run left: it was written by our own runner. */
export function toResult({ output }: Pick<Task, "output">): CallToolResult {
  return output as CallToolResult;
}

/** What is told of the present: the agent's own word, or what went wrong. It is data of others, for people to read. */
function toStatusMessage({ state, progress, error, question }: Task): string | undefined {
  if (state === "failed") return readJsonRpcFailure(error?.message ?? "the task failed").message;
  if (state === "waiting") return question?.question;
  return state === "running" ? progress?.note : undefined;
}
