import { AppError, awaitsSlot, holdsSlot, isOpen, type LedgerChange, type Notice } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import { frameTypes } from "../messages/frame-types.ts";
import type { SlotRef } from "./refs.ts";
import { isPull } from "./slot-figures.ts";
import { writeDeadLetters } from "./write-dead-letters.ts";

/** What was found about the agents whose slots were written. */
export interface SlotNews {
  /** They have a free slot now while an assignment of theirs awaits one. */
  readonly waiting: readonly SlotRef[];
  /** They claim their tasks, and gave up a slot. */
  readonly claiming: readonly SlotRef[];
}

interface WrittenRow {
  readonly moved: number;
  readonly waiting: readonly SlotRef[] | null;
  readonly claiming: readonly SlotRef[] | null;
}

/**
 * Writes changed tasks with their assignments, results, events, slots and notices, in one statement. Slots are locked in
 * the order of their ids; the tasks have been since they were read. Dead letters, where there are any, are a second one.
 *
 * @throws AppError `conflict` when a task is not as the change found it.
 */
export async function writeChanges(tx: Queryable, changes: readonly LedgerChange[]): Promise<SlotNews> {
  const written = tx.query<WrittenRow>(sql`
    with moved as (
      update task t
      set state = c.state, attempt = c.attempt, counted = c.counted, uncounted = c.uncounted, lane_id = c.lane_id,
        rejected_by = c.rejected_by::uuid[], passed_over = c.passed_over, queue_rank = case when c.state = 'queued' then t.rank end,
        parked_by = null,
        event_seq = t.event_seq + c.events, redrives = c.redrives, wake_at = c.wake_at, started_at = c.started_at,
        finished_at = c.finished_at, error = c.error, progress = c.progress, updated_at = now(),
        assignment_id = case when c.state in ('blocked', 'scheduled', 'queued') then null else t.assignment_id end
      from ${taskChanges(changes)} as c (tenant_id, task_id, from_state, from_fence, state, attempt, counted,
        uncounted, lane_id, rejected_by, passed_over, redrives, events, wake_at, started_at, finished_at, error, progress)
      where t.tenant_id = c.tenant_id and t.id = c.task_id and t.state = c.from_state and t.fence = c.from_fence
      returning t.id
    ), tried as (
      update assignment a
      set state = c.state, is_open = c.is_open, lease_until = c.lease_until, attempt_until = c.attempt_until,
        check_at = c.check_at, schema_failures = c.schema_failures, slot = c.slot, question = c.question,
        asked_at = c.asked_at, attempt_left_ms = c.attempt_left_ms, end_reason = c.end_reason, usage = c.usage,
        ended_at = case when not c.is_open then now() end
      from ${assignmentChanges(changes)} as c (tenant_id, id, from_state, state, is_open, lease_until, attempt_until,
        check_at, schema_failures, slot, question, asked_at, attempt_left_ms, end_reason, usage)
      where a.tenant_id = c.tenant_id and a.id = c.id and a.state = c.from_state
    ), result as (
      insert into task_result (tenant_id, task_id, assignment_id, output, artifacts, usage)
      select tenant_id, task_id, assignment_id, output, artifacts, usage
      from ${results(changes)} as r (tenant_id, task_id, assignment_id, output, artifacts, usage)
    ), event as (
      insert into task_event (tenant_id, task_id, seq, type, data)
      select tenant_id, task_id, seq, type, data
      from ${events(changes)} as e (tenant_id, task_id, seq, type, data)
    ), slot as materialized (
      select s.tenant_id, s.agent_id, s.next_seq, c.taken, c.awaited, c.notices
      from agent_slot s
      join ${slotChanges(changes)} as c (tenant_id, agent_id, taken, awaited, notices)
        on c.tenant_id = s.tenant_id and c.agent_id = s.agent_id
      order by s.agent_id
      for update of s
    ), freed as (
      update agent_slot s
      set in_flight = s.in_flight + slot.taken, awaited = s.awaited + slot.awaited,
        next_seq = s.next_seq + slot.notices
      from slot
      where s.tenant_id = slot.tenant_id and s.agent_id = slot.agent_id
      returning s.tenant_id, s.agent_id, s.awaited > 0 and s.in_flight < s.max_concurrency as can_resume,
        slot.taken + slot.awaited < 0 and ${isPull} as may_claim
    ), notice as (
      insert into mailbox (tenant_id, agent_id, seq, type, payload, assignment_id)
      select slot.tenant_id, slot.agent_id, slot.next_seq + n.number, n.type, n.payload, n.assignment_id
      from ${notices(changes)} as n (tenant_id, agent_id, number, type, payload, assignment_id)
      join slot on slot.tenant_id = n.tenant_id and slot.agent_id = n.agent_id
    )
    select (select count(*)::int from moved) as moved, (
      select json_agg(json_build_object('tenantId', tenant_id, 'agentId', agent_id)) from freed where can_resume
    ) as waiting, (
      select json_agg(json_build_object('tenantId', tenant_id, 'agentId', agent_id)) from freed where may_claim
    ) as claiming`);
  // sent together, carried out one after the other
  const [{ rows }] = await Promise.all([written, writeDeadLetters(tx, changes)]);
  const { moved, waiting, claiming } = rows[0] ?? { moved: 0, waiting: null, claiming: null };
  if (moved === changes.length) return { waiting: waiting ?? [], claiming: claiming ?? [] };
  throw new AppError("conflict", `${changes.length - moved} of ${changes.length} tasks were changed by another`);
}

function taskChanges(changes: readonly LedgerChange[]): Sql {
  return unnest(
    ["uuid", changes.map(({ before }) => before.tenantId)],
    ["uuid", changes.map(({ before }) => before.taskId)],
    ["text", changes.map(({ before }) => before.state)],
    ["int", changes.map(({ before }) => before.fence)],
    ["text", changes.map(({ after }) => after.state)],
    ["int", changes.map(({ after }) => after.attempt)],
    ["int", changes.map(({ after }) => after.counted)],
    ["int", changes.map(({ after }) => after.uncounted)],
    ["uuid", changes.map(({ after }) => after.laneId)],
    ["text", changes.map(({ after }) => `{${after.rejectedBy.join(",")}}`)],
    ["json", changes.map(({ after }) => (after.passedOver.length > 0 ? JSON.stringify(after.passedOver) : undefined))],
    ["int", changes.map(({ after }) => after.redrives)],
    ["int", changes.map(({ events: happened }) => happened.length)],
    ["timestamptz", changes.map(({ after }) => after.wakeAt)],
    ["timestamptz", changes.map(({ after }) => after.startedAt)],
    ["timestamptz", changes.map(({ after }) => after.finishedAt)],
    ["json", changes.map(({ after }) => after.error)],
    ["json", changes.map(({ after }) => after.progress)],
  );
}

function assignmentChanges(changes: readonly LedgerChange[]): Sql {
  const tried = changes.flatMap(({ before, after }) => {
    const from = before.assignment;
    const to = after.assignment;
    return from === undefined || to === undefined || to === from ? [] : [{ tenantId: before.tenantId, from, to }];
  });
  return unnest(
    ["uuid", tried.map(({ tenantId }) => tenantId)],
    ["uuid", tried.map(({ to }) => to.id)],
    ["text", tried.map(({ from }) => from.state)],
    ["text", tried.map(({ to }) => to.state)],
    ["boolean", tried.map(({ to }) => isOpen(to.state))],
    ["timestamptz", tried.map(({ to }) => to.leaseUntil)],
    ["timestamptz", tried.map(({ to }) => to.attemptUntil)],
    ["timestamptz", tried.map(({ to }) => to.checkAt)],
    ["int", tried.map(({ to }) => to.schemaFailures)],
    ["text", tried.map(({ to }) => to.slot)],
    ["json", tried.map(({ to }) => to.question)],
    ["timestamptz", tried.map(({ to }) => to.askedAt)],
    ["int", tried.map(({ to }) => to.attemptLeftMs)],
    ["text", tried.map(({ to }) => to.endReason)],
    ["json", tried.map(({ to }) => to.usage)],
  );
}

function results(changes: readonly LedgerChange[]): Sql {
  const recorded = changes.flatMap(({ before, result }) => (result === undefined ? [] : [{ ...before, result }]));
  return unnest(
    ["uuid", recorded.map(({ tenantId }) => tenantId)],
    ["uuid", recorded.map(({ taskId }) => taskId)],
    ["uuid", recorded.map(({ result }) => result.assignmentId)],
    ["json", recorded.map(({ result }) => result.output)],
    ["json", recorded.map(({ result }) => result.artifacts)],
    ["json", recorded.map(({ result }) => result.usage)],
  );
}

function events(changes: readonly LedgerChange[]): Sql {
  const happened = changes.flatMap(({ before, events: list }) =>
    list.map((event, index) => ({ ...before, seq: before.eventSeq + index + 1, event })),
  );
  return unnest(
    ["uuid", happened.map(({ tenantId }) => tenantId)],
    ["uuid", happened.map(({ taskId }) => taskId)],
    ["int", happened.map(({ seq }) => seq)],
    ["text", happened.map(({ event }) => event.type)],
    ["json", happened.map(({ event }) => JSON.stringify(event.data))],
  );
}

interface SlotCounts {
  readonly tenantId: string;
  taken: number;
  awaited: number;
  notices: number;
}

/** One row an agent: how many slots more it takes, how many more are awaited, how many frames it is to get. */
function slotChanges(changes: readonly LedgerChange[]): Sql {
  const countsByAgent = new Map<string, SlotCounts>();
  const count = (tenantId: string, agentId: string): SlotCounts => {
    const counts = countsByAgent.get(agentId) ?? { tenantId, taken: 0, awaited: 0, notices: 0 };
    countsByAgent.set(agentId, counts);
    return counts;
  };
  for (const { before, after, notices: sent } of changes) {
    const taken = Number(holdsSlot(after.assignment)) - Number(holdsSlot(before.assignment));
    const awaited = Number(awaitsSlot(after.assignment)) - Number(awaitsSlot(before.assignment));
    if (before.assignment !== undefined && (taken !== 0 || awaited !== 0)) {
      const counts = count(before.tenantId, before.assignment.agentId);
      counts.taken += taken;
      counts.awaited += awaited;
    }
    for (const { agentId } of sent) count(before.tenantId, agentId).notices++;
  }
  const rows = [...countsByAgent];
  return unnest(
    ["uuid", rows.map(([, { tenantId }]) => tenantId)],
    ["uuid", rows.map(([agentId]) => agentId)],
    ["int", rows.map(([, { taken }]) => taken)],
    ["int", rows.map(([, { awaited }]) => awaited)],
    ["int", rows.map(([, { notices: sent }]) => sent)],
  );
}

function notices(changes: readonly LedgerChange[]): Sql {
  const sentByAgent = new Map<string, number>();
  const rows = changes.flatMap(({ before, notices: sent }) =>
    sent.map((notice) => {
      const number = sentByAgent.get(notice.agentId) ?? 0;
      sentByAgent.set(notice.agentId, number + 1);
      return { tenantId: before.tenantId, number, notice };
    }),
  );
  return unnest(
    ["uuid", rows.map(({ tenantId }) => tenantId)],
    ["uuid", rows.map(({ notice }) => notice.agentId)],
    ["int", rows.map(({ number }) => number)],
    ["int", rows.map(({ notice }) => (notice.kind === "cancel" ? frameTypes.TASK_CANCEL : frameTypes.MESSAGE))],
    ["json", rows.map(({ notice }) => toPayload(notice))],
    // names the TASK_ASSIGN without which the frame is left out: a message is sent again in any case
    ["uuid", rows.map(({ notice }) => (notice.kind === "cancel" ? notice.assignmentId : undefined))],
  );
}

function toPayload(notice: Notice): string {
  const { assignmentId } = notice;
  if (notice.kind === "cancel") {
    return JSON.stringify({ assignmentId, fence: notice.fence, reason: notice.reason });
  }
  const { messageId, messageKind: kind, content, sentAt } = notice;
  const message = JSON.stringify({ messageId, from: mesh, kind, correlationId: assignmentId, sentAt });
  return `${message.slice(0, -1)},"content":${content}}`;
}

/** Who messages of the mesh itself are from. */
const mesh = { id: "00000000-0000-0000-0000-000000000000", name: "devmesh" };
