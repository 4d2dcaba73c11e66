import type { ListTasksRequest, ListTasksResponse } from "@a2a-js/sdk";
import { TaskState } from "@a2a-js/sdk";
import { RequestMalformedError } from "@a2a-js/sdk/errors";
import { type Agent, isUuid, type Task, type TenantId } from "@devmesh/models";
import type { A2aReads } from "./a2a-deps.ts";
import { agentLabel, contextOf } from "./labels.ts";
import { toA2aState, toA2aTask } from "./to-a2a-task.ts";

const defaultPageSize = 50;
const maxPageSize = 100;

/**
 * The tasks that an agent was sent over A2A, the latest first. What a page leaves out for its state, context or time is
 * made up for by no other task: a page may hold fewer than asked for, and `nextPageToken` says whether there are more.
 * Lists have no artifacts and no history, and `totalSize` is that of the page: the mesh does not count.
 */
export async function listTasks(
  reads: Pick<A2aReads, "list">,
  { tenantId, agent }: { readonly tenantId: TenantId; readonly agent: Agent },
  asked: ListTasksRequest,
): Promise<ListTasksResponse> {
  const pageSize = pageSizeOf(asked);
  const after = asked.pageToken === "" ? undefined : parseToken(asked.pageToken);
  const found = await reads.list(tenantId, { label: agentLabel(agent) }, { limit: pageSize + 1, after });
  const page = found.slice(0, pageSize);
  const last = page.at(-1);
  const tasks = page.filter((task) => isAsked(task, asked)).map((task) => toA2aTask(task));
  const nextPageToken = found.length > pageSize && last !== undefined ? toToken(last) : "";
  return { tasks, nextPageToken, pageSize, totalSize: tasks.length };
}

function isAsked(task: Task, { status, contextId, statusTimestampAfter }: ListTasksRequest): boolean {
  const hasState = status === TaskState.TASK_STATE_UNSPECIFIED || toA2aState(task.state) === status;
  const hasContext = contextId === "" || contextOf(task) === contextId;
  return (
    hasState && hasContext && (statusTimestampAfter === undefined || task.updatedAt > toTime(statusTimestampAfter))
  );
}

function toTime(text: string): string {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new RequestMalformedError(`statusTimestampAfter: ${JSON.stringify(text)} is no time`);
}

function pageSizeOf({ pageSize }: ListTasksRequest): number {
  const size = pageSize ?? defaultPageSize;
  if (size >= 1 && size <= maxPageSize) return size;
  throw new RequestMalformedError(`pageSize: ${size} lies outside 1 to ${maxPageSize}`);
}

function toToken({ createdAt, id }: Task): string {
  return Buffer.from(`${createdAt} ${id}`).toString("base64url");
}

function parseToken(token: string): { readonly at: string; readonly id: string } {
  const [, at, id] = /^(\d\S{23}) (\S{36})$/.exec(Buffer.from(token, "base64url").toString()) ?? [];
  if (at !== undefined && id !== undefined && isUuid(id) && !Number.isNaN(Date.parse(at))) return { at, id };
  throw new RequestMalformedError("pageToken: is not one that this server gave out");
}
