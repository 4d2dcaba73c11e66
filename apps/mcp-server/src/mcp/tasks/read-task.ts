import { hasScope, type Principal, type Scope } from "@devmesh/auth";
import { isUuid, type Task, type TaskId, type TenantId } from "@devmesh/models";
import type { ToolInputs } from "@devmesh/repositories";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { toInputRequests } from "./input-requests.ts";
import { type DetailedTask, isToolRun, toDetailed } from "./mcp-task.ts";
import { readRunInput } from "./runs/run-input.ts";

/** What showing tasks stands on. */
export interface ReadTaskDeps {
  readonly taskReads: {
    get(tenantId: TenantId, taskIds: readonly TaskId[], detail: "whole" | "listed"): Promise<readonly Task[]>;
  };
  readonly inputs: ToolInputs;
  /** What `task_await` answers of a task that is final. */
  readonly toAwaited: (task: Task) => CallToolResult;
}

/**
 * The task that a request names. Who called a tool may do everything with its own run; for all other tasks the scope is
 * needed.
 *
 * @throws ProtocolError -32602 for what is no task of the tenant; -32600 where the scope is missing.
 */
export async function readTask(
  { taskReads }: Pick<ReadTaskDeps, "taskReads">,
  principal: Principal,
  taskId: string,
  scope: Extract<Scope, "tasks:read" | "tasks:write">,
): Promise<Task> {
  const id = taskId.toLowerCase();
  const [task] = isUuid(id) ? await taskReads.get(principal.tenantId, [id as TaskId], "whole") : [];
  const isAllowed = task === undefined ? hasScope(principal, scope) : mayUse(principal, task, scope);
  // first: who may read none is not told which there are
  if (!isAllowed) {
    const data = { reason: "missing_scope", scope };
    throw new ProtocolError(ProtocolErrorCode.InvalidRequest, `the credential lacks the scope ${scope}`, data);
  }
  if (task === undefined) throw new ProtocolError(ProtocolErrorCode.InvalidParams, "unknown task");
  return task;
}

/** True for who has the scope, and for who made the call that the task carries out. */
export function mayUse(principal: Principal, task: Task, scope: Scope): boolean {
  return hasScope(principal, scope) || (isToolRun(task) && readRunInput(task.input).principal.id === principal.id);
}

/** A whole task as MCP shows it, with what is asked of its client by now. */
export async function describeDetailed(deps: ReadTaskDeps, tenantId: TenantId, task: Task): Promise<DetailedTask> {
  const given = await findGiven(deps.inputs, tenantId, task);
  return toDetailed(task, { toAwaited: deps.toAwaited, inputRequests: toInputRequests(task, new Set(given.keys())) });
}

/** What was answered so far to a run that waits for several answers. */
export async function findGiven(
  inputs: Pick<ToolInputs, "find">,
  tenantId: TenantId,
  task: Task,
): Promise<ReadonlyMap<string, unknown>> {
  const { id: taskId, question } = task;
  if (question === undefined || !isToolRun(task)) return new Map();
  return inputs.find({ tenantId, taskId, questionId: question.id });
}
