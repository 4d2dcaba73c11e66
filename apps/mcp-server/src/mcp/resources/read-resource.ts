import type { Principal } from "@devmesh/auth";
import type { TaskId } from "@devmesh/models";
import { getTask } from "@devmesh/tasks";
import { assertMayRead, findAgent, findEntry } from "./find-resource.ts";
import type { ResourceDeps } from "./resource-deps.ts";
import type { ResourceRef, UsagePeriod } from "./resource-uri.ts";

/** Events of a log: the latest. Those before are read over HTTP. Judgement. */
const maxEvents = 500;
/** Of an inbox. Judgement. */
const maxMail = 100;
/** Agents, and models, of usage. */
const maxRows = 100;

/**
 * What a resource says now, as JSON can carry it.
 *
 * @throws AppError `permission_denied`, reason `missing_scope`; `not_found`.
 */
export async function readResource(deps: ResourceDeps, principal: Principal, ref: ResourceRef): Promise<object> {
  assertMayRead(principal, ref);
  const { tenantId } = principal;
  switch (ref.kind) {
    case "task":
      return getTask(deps.taskReads, { tenantId, taskId: ref.id });
    case "task_log":
      return readLog(deps, principal, ref.id);
    case "agent":
      return findAgent(deps, principal, ref);
    case "inbox": {
      const { id: agentId, name } = await findAgent(deps, principal, ref);
      const items = await deps.readInbox({ tenantId, agentId }, maxMail + 1);
      return { agent: { id: agentId, name }, items: items.slice(0, maxMail), hasMore: items.length > maxMail };
    }
    case "entry":
      return findEntry(deps, principal, ref);
    case "usage":
      return readUsage(deps, principal, ref.period);
  }
}

async function readLog({ taskReads }: ResourceDeps, { tenantId }: Principal, taskId: TaskId): Promise<object> {
  await getTask(taskReads, { tenantId, taskId });
  const states = await taskReads.states([{ tenantId, taskId }]);
  const last = states.get(taskId)?.eventSeq ?? 0;
  const events = await taskReads.events(tenantId, taskId, Math.max(0, last - maxEvents), maxEvents);
  return { taskId, events, isWhole: last <= maxEvents };
}

async function readUsage(
  { usage, today }: ResourceDeps,
  { tenantId }: Principal,
  period: UsagePeriod,
): Promise<object> {
  const to = today().toISOString().slice(0, 10);
  const from = period === "today" ? to : `${to.slice(0, 8)}01`;
  const read = async (groupBy: readonly ("agent" | "model")[], limit: number): Promise<readonly object[]> =>
    (await usage.read(tenantId, { from, to, groupBy, limit, after: undefined })).map(({ row }) => row);
  const [[total], byAgent, byModel] = await Promise.all([
    read([], 1),
    read(["agent"], maxRows),
    read(["model"], maxRows),
  ]);
  return { period, from, to, total, byAgent, byModel };
}
