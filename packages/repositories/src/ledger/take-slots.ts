import type { AgentId, AssignmentId, NodeId, SlotPick, TakenSlot, TakeTerms, TaskId, TenantId } from "@devmesh/models";
import type { Queryable } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import { type OfferRow, toOffer } from "../tasks/assignment-offer.ts";
import { inputColumns, taskColumns } from "../tasks/task-columns.ts";
import { isPull } from "./slot-figures.ts";

/**
 * Of input and output schema together, that a slot is given with: for the caller's own node, and for another, which is
 * told by a hint of at most 7,000 bytes. What is larger is read. Judgement.
 */
const maxOfferBytes = 32_768;
const maxHintedBytes = 4_096;

/**
 * Takes slots and writes the assignments, with the next fence of each task and the next seq of each agent, in one
 * statement. Slots are locked in the order of their ids, and looked at again under the lock: a pick whose slot was
 * taken meanwhile is left out, and its task stays queued. The tasks must be locked by this transaction. What is taken
 * comes in order of seq, with its offer where that is small and asked for: as a read after the commit would find it, and
 * of no age yet. What agents claim is accepted by the same statement, with the lease that each asked for.
 */
export async function takeSlots(
  tx: Queryable,
  picks: readonly SlotPick[],
  { acceptMs, leaseMs, nodeId, by = "push" }: TakeTerms,
): Promise<readonly TakenSlot[]> {
  const how = by === "push" ? offered(acceptMs, leaseMs) : accepted(acceptMs);
  const { rows } = await tx.query<TakenRow>(sql`
    with pick as (
      select tenant_id, task_id, agent_id, assignment_id, strategy, why, number${how.pickColumns}
      from ${pickRows(picks, leaseMs, by)} as p (tenant_id, task_id, agent_id, assignment_id, strategy, why, number${how.pickColumns})
    ), slot as materialized (
      select s.tenant_id, s.agent_id, s.next_seq, s.node_id, s.in_flight + s.awaited as in_flight, s.max_concurrency,
        ${how.isOpen} as is_open
      from agent_slot s
      where (s.tenant_id, s.agent_id) in (select tenant_id, agent_id from pick)
      order by s.agent_id
      for update of s
    ), fitting as (
      select ranked.*
      from (
        select pick.*, slot.next_seq, slot.node_id, slot.in_flight, slot.max_concurrency,
          (row_number() over (partition by pick.agent_id order by pick.number))::int as place
        from pick
        join slot on slot.tenant_id = pick.tenant_id and slot.agent_id = pick.agent_id
        where slot.is_open
      ) ranked
      where ranked.in_flight + ranked.place <= ranked.max_concurrency
    ), moved as (
      update task t
      set ${how.taskState}, fence = t.fence + 1, attempt = t.counted + 1, event_seq = t.event_seq + ${how.events},
        queue_rank = null, assignment_id = fitting.assignment_id, wake_at = t.deadline, updated_at = now()
      from fitting
      where t.tenant_id = fitting.tenant_id and t.id = fitting.task_id and t.state = 'queued'
      returning t.tenant_id, t.id, t.parent_id, t.state, t.strategy, t.deadline, t.max_attempts, t.timeout_ms,
        t.has_output_schema, t.fence, t.attempt, t.event_seq, t.error, t.progress, t.answer_count, t.created_at,
        t.updated_at, t.started_at, t.finished_at, t.assignment_id, fitting.agent_id, fitting.strategy as assigned_by,
        fitting.why, fitting.next_seq + fitting.place - 1 as seq, fitting.node_id${how.movedColumns},
        ${how.checkAt} as check_at
    ), assigned as (
      insert into assignment (tenant_id, id, task_id, agent_id, fence, seq, attempt, strategy, why, check_at,
        state, lease_ms, accept_until${how.assignmentColumns})
      select tenant_id, assignment_id, id, agent_id, fence, seq, attempt, assigned_by, why, check_at,
        ${how.assignmentValues}
      from moved
    ), event as (
      insert into task_event (tenant_id, task_id, seq, type, data)
      select tenant_id, id, event_seq${how.assignedBefore}, 'task.assigned', json_build_object(
        'assignmentId', assignment_id, 'agentId', agent_id, 'fence', fence, 'attempt', attempt)
      from moved${how.furtherEvent}
    ), filled as (
      update agent_slot s
      set in_flight = s.in_flight + taken.count, next_seq = s.next_seq + taken.count, last_assigned_at = now()
      from (select tenant_id, agent_id, count(*)::int as count from moved group by tenant_id, agent_id) taken
      where s.tenant_id = taken.tenant_id and s.agent_id = taken.agent_id
    )
    select t.tenant_id as "tenantId", t.agent_id as "takenAgentId", t.seq, t.check_at as "checkAt",
      t.node_id as "nodeId", b.task_id is not null as "hasOffer", ${leaseMs}::int as "leaseMs",
      ${acceptMs}::int as "acceptMs", 0 as "ageMs", b.traceparent, ${taskColumns}, ${inputColumns}
    from moved t
    cross join lateral (
      select t.assignment_id as id, t.fence, t.assigned_by as strategy, null::timestamptz as lease_until,
        null::int as attempt_left_ms, null::json as usage
    ) x
    left join task_body b on b.task_id = t.id and t.node_id is not null and t.answer_count = 0
      and b.depends_on = '{}'
      and coalesce(octet_length(b.input::text), 0) + coalesce(octet_length(b.output_schema::text), 0) <= case when t.node_id = ${nodeId}::uuid then ${maxOfferBytes}::int else ${maxHintedBytes}::int end
    left join agent a on a.id = t.agent_id and b.task_id is not null
    left join task_result r on r.task_id = t.id and b.task_id is not null
    order by t.seq`);
  return rows.map(toTaken);
}

/** What differs between slots that are offered and those that are claimed. */
interface HowTaken {
  readonly isOpen: Sql;
  readonly taskState: Sql;
  readonly events: Sql;
  readonly checkAt: Sql;
  readonly pickColumns: Sql;
  readonly movedColumns: Sql;
  readonly assignmentColumns: Sql;
  readonly assignmentValues: Sql;
  /** Behind the number of the latest event, for the first of them. */
  readonly assignedBefore: Sql;
  readonly furtherEvent: Sql;
}

function offered(acceptMs: number, leaseMs: number): HowTaken {
  return {
    isOpen: sql`s.connection_id is not null and s.offerable and not s.slow`,
    taskState: sql`state = 'assigned'`,
    events: sql`1`,
    checkAt: sql`now() + least(${acceptMs}, ${leaseMs}, t.timeout_ms) * interval '1 millisecond'`,
    pickColumns: sql``,
    movedColumns: sql``,
    assignmentColumns: sql``,
    assignmentValues: sql`'offered', ${leaseMs}, now() + ${acceptMs} * interval '1 millisecond'`,
    assignedBefore: sql``,
    furtherEvent: sql``,
  };
}

/** The same as an offer and the word `accept` at once: what decide-agent-word.ts makes of that. */
function accepted(acceptMs: number): HowTaken {
  return {
    isOpen: sql`${isPull} and s.offerable`,
    taskState: sql`state = 'running', started_at = coalesce(t.started_at, now())`,
    events: sql`2`,
    checkAt: sql`now() + least(fitting.lease_ms, t.timeout_ms) * interval '1 millisecond'`,
    pickColumns: sql`, lease_ms`,
    movedColumns: sql`, fitting.lease_ms`,
    assignmentColumns: sql`, lease_until, attempt_until`,
    assignmentValues: sql`'running', lease_ms, now() + ${acceptMs} * interval '1 millisecond', now() + lease_ms * interval '1 millisecond',
        now() + timeout_ms * interval '1 millisecond'`,
    assignedBefore: sql` - 1`,
    furtherEvent: sql`
      union all
      select tenant_id, id, event_seq, 'task.accepted', json_build_object(
        'assignmentId', assignment_id, 'agentId', agent_id, 'fence', fence)
      from moved`,
  };
}

interface TakenRow extends OfferRow {
  readonly tenantId: TenantId;
  readonly id: TaskId;
  readonly takenAgentId: AgentId;
  readonly assignmentId: AssignmentId;
  readonly seq: number;
  readonly checkAt: Date;
  readonly nodeId: NodeId | null;
  /** Where not, what stands in the task's body is null. */
  readonly hasOffer: boolean;
}

function toTaken(row: TakenRow): TakenSlot {
  const { tenantId, id: taskId, takenAgentId: agentId, assignmentId, seq, checkAt, nodeId, hasOffer } = row;
  const slot = { tenantId, taskId, agentId, assignmentId, seq, checkAt, nodeId: nodeId ?? undefined };
  return hasOffer ? { ...slot, offer: toOffer(row) } : slot;
}

function pickRows(picks: readonly SlotPick[], leaseMs: number, by: TakeTerms["by"]): Sql {
  const leases = ["int", picks.map((pick) => pick.leaseMs ?? leaseMs)] as const;
  return unnest(
    ["uuid", picks.map(({ tenantId }) => tenantId)],
    ["uuid", picks.map(({ taskId }) => taskId)],
    ["uuid", picks.map(({ agentId }) => agentId)],
    ["uuid", picks.map(({ assignmentId }) => assignmentId)],
    ["text", picks.map(({ strategy }) => strategy)],
    ["json", picks.map(({ why }) => JSON.stringify(why))],
    ["int", picks.map((_, index) => index)],
    ...(by === "claim" ? [leases] : []),
  );
}
