import type { AgentId, AssignmentId, AssignmentOffer, TenantId } from "@devmesh/models";
import type { Database } from "../database/database.ts";
import { type Sql, sql, unnest } from "../database/sql.ts";
import { type OfferRow, toOffer } from "../tasks/assignment-offer.ts";
import {
  type DependenciesByTask,
  findDependencyOutputs,
  findLeftOut,
  type OutputBounds,
  toDependencies,
} from "../tasks/dependency-outputs.ts";
import { type AnswersByTask, findAnswers, toAnswers } from "../tasks/task-answers.ts";
import { inputColumns, taskColumns, taskJoins } from "../tasks/task-columns.ts";

/** Where an agent's frames are to begin, exclusive. */
export interface DeliveryAsked {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly afterSeq: number;
  /** Leaves out a TASK_CANCEL whose TASK_ASSIGN lies behind `afterSeq` too: the agent never acknowledged that. */
  readonly resume: boolean;
}

/** A frame for an agent: an open assignment with its whole task, or what its mailbox holds. */
export type DeliveryFrame = {
  readonly tenantId: TenantId;
  readonly agentId: AgentId;
  readonly seq: number;
} & (
  | ({
      readonly kind: "assign";
      readonly assignmentId: AssignmentId;
      /** What its dependencies resulted in is more than any message may hold: it was not read. */
      readonly isTooLarge?: true;
    } & AssignmentOffer)
  /** The last of an agent: from here on it is to be read again, for all that is read at once is enough. */
  | { readonly kind: "later" }
  | { readonly kind: "mail"; readonly type: number; readonly payload: Readonly<Record<string, unknown>> }
);

/** What waits for agents, mailbox and assignments together. */
export interface DeliveryRepository {
  /**
   * In the order of `seq` for each agent; at most `limit` an agent, nothing after a MiB of messages and inputs of tasks, and
   * of all together 32 MiB of what tasks depend on, or what `outputs` says.
   */
  findFrames(
    agents: readonly DeliveryAsked[],
    limit: number,
    outputs?: OutputBounds,
  ): Promise<readonly DeliveryFrame[]>;
}

/** Bytes of messages and inputs an agent in one read: what is read is held in memory. Judgement. */
const maxBytes = 1_048_576;

/** Of one task as much as a message may hold; of all that is read at once: it is held in memory. Judgement. */
const outputBounds: OutputBounds = { ofTask: 10_485_760, together: 33_554_432 };

/** Reads deliveries of several tenants at once, within their rows. */
export function deliveryRepository(database: Database): DeliveryRepository {
  return {
    findFrames: async (agents, limit, bounds = outputBounds) => {
      const tenants = [...new Set(agents.map(({ tenantId }) => tenantId))];
      const scope = { role: "devmesh_app", tenants, plans: "by_index" } as const;
      const { rows } = await database.queryAs<FrameRow>(scope, findFrames(agents, limit));
      // results of completed tasks do not change: a second look sees what the first would have
      const outputs = await findDependencyOutputs(
        (statement) => database.queryAs(scope, statement),
        rows.flatMap(toDependent),
        bounds,
      );
      const answers = await findAnswers((statement) => database.queryAs(scope, statement), rows.flatMap(toAnswered));
      return untilLater(rows.map((row) => toFrame(row, outputs, answers)));
    },
  };
}

interface FrameBase {
  readonly forTenantId: TenantId;
  readonly forAgentId: AgentId;
  readonly seq: number;
  /** What comes before it is enough: of it nothing was read. */
  readonly isLater: boolean;
}

interface AssignRow extends FrameBase, OfferRow {
  readonly mailType: null;
  readonly assignmentId: AssignmentId;
}

interface MailRow extends FrameBase {
  readonly mailType: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

type FrameRow = AssignRow | MailRow;

/**
 * For each agent a merge of two index scans, `assignment_open` and the primary key of mailbox, each stopped at `limit`;
 * then each task by its key. 64 agents with a task each: 3 ms; one: 0.8 ms, round
 * trips included.
 */
function findFrames(agents: readonly DeliveryAsked[], limit: number): Sql {
  const asked = unnest(
    ["uuid", agents.map(({ tenantId }) => tenantId)],
    ["uuid", agents.map(({ agentId }) => agentId)],
    ["bigint", agents.map(({ afterSeq }) => afterSeq)],
    ["boolean", agents.map(({ resume }) => resume)],
  );
  return sql`
    select frame.tenant_id as "forTenantId", frame.agent_id as "forAgentId", frame.seq, frame.type as "mailType",
      frame.before >= ${maxBytes} as "isLater",
      case when frame.before < ${maxBytes} then frame.payload end as payload, x.lease_ms as "leaseMs",
      (extract(epoch from x.accept_until - x.created_at) * 1000)::int as "acceptMs",
      ceil(greatest(0, extract(epoch from clock_timestamp() - x.created_at) * 1000))::int8 as "ageMs", b.traceparent,
      ${taskColumns}, ${inputColumns}
    from (
      select asked.tenant_id, asked.agent_id, one.seq, one.task_id, one.assignment_id, one.type, one.payload,
        sum(coalesce(one.bytes, 0)) over up_to - coalesce(one.bytes, 0) as before,
        coalesce(lag(one.bytes) over up_to, 0) as previous
      from ${asked} as asked (tenant_id, agent_id, after_seq, resume)
      cross join lateral (
        (select o.seq, o.task_id, o.id as assignment_id, null::int as type, null::json as payload, (
            select octet_length(b.input::text) from task_body b where b.task_id = o.task_id
          ) as bytes
          from assignment o
          where o.tenant_id = asked.tenant_id and o.agent_id = asked.agent_id and o.is_open and o.seq > asked.after_seq
          order by o.seq
          limit ${limit})
        union all
        (select m.seq, null, null, m.type, coalesce(b.payload, m.payload), m.counted_bytes
          from mailbox m
          left join mail_body b on b.id = m.body_id
          where m.tenant_id = asked.tenant_id and m.agent_id = asked.agent_id and m.seq > asked.after_seq
            and (m.expires_at is null or m.expires_at > now())
            and not (asked.resume and m.assignment_id is not null and exists (
              select from assignment o
              where o.tenant_id = m.tenant_id and o.id = m.assignment_id and o.agent_id = m.agent_id
                and o.seq > asked.after_seq
            ))
          order by m.seq
          limit ${limit})
        order by seq
        limit ${limit}
      ) one
      window up_to as (partition by asked.agent_id order by one.seq)
    ) frame
    left join task t
      on t.id = frame.task_id and t.assignment_id = frame.assignment_id and frame.before < ${maxBytes}
    left ${taskJoins}
    where case when frame.before < ${maxBytes} then frame.type is not null or t.id is not null
      else frame.before - frame.previous < ${maxBytes} end
    order by frame.agent_id, frame.seq`;
}

/** Nothing of an agent goes before what comes before it. */
function untilLater(frames: readonly DeliveryFrame[]): readonly DeliveryFrame[] {
  const ended = new Set<AgentId>();
  return frames.filter(({ agentId, kind }) => {
    if (ended.has(agentId)) return false;
    if (kind === "later") ended.add(agentId);
    return true;
  });
}

function toDependent(row: FrameRow): Parameters<typeof findDependencyOutputs>[1] {
  return row.mailType === null && !row.isLater ? [{ ...row, tenantId: row.forTenantId }] : [];
}

function toAnswered(row: FrameRow): Parameters<typeof findAnswers>[1] {
  return row.mailType === null && !row.isLater
    ? [{ tenantId: row.forTenantId, id: row.id, answerCount: row.answerCount }]
    : [];
}

function toFrame(row: FrameRow, dependencies: DependenciesByTask, answers: AnswersByTask): DeliveryFrame {
  const base = { tenantId: row.forTenantId, agentId: row.forAgentId, seq: row.seq };
  if (row.isLater) return { ...base, kind: "later" };
  if (row.mailType !== null) return { ...base, kind: "mail", type: row.mailType, payload: row.payload };
  const leftOut = findLeftOut(dependencies, row.id);
  if (leftOut === "later") return { ...base, kind: "later" };
  return {
    ...base,
    kind: "assign",
    assignmentId: row.assignmentId,
    ...(leftOut === "too_large" && { isTooLarge: true as const }),
    ...toOffer(row, { ...toAnswers(answers, row.id), ...toDependencies(dependencies, row) }),
  };
}
