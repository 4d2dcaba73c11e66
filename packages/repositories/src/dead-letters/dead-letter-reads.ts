import type {
  ApiKeyId,
  AuditOutcome,
  DeadLetter,
  DeadLetterAudit,
  DeadLetterFilter,
  TaskId,
  TenantId,
} from "@devmesh/models";
import type { PageAsked } from "../agents/agent-repository.ts";
import type { Database, QueryResult } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { type DeadLetterRow, deadLetterColumns, matches, toDeadLetter } from "./dead-letter-columns.ts";

/** The payload of a dead message. */
export interface DeadMessage {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** One try of a task, with how it ended. */
export interface PastAssignment {
  readonly id: string;
  readonly fence: number;
  readonly attempt: number;
  readonly state: string;
  readonly agent: { readonly id: string; readonly name?: string };
  readonly assignedAt: string;
  readonly endedAt?: string;
  readonly endReason?: string;
}

/**
 * The dead letters of some tenants for those who look: their own, and with the scope `admin` also what belongs to nobody.
 * What was purged, or is another's, is absent.
 */
export interface DeadLetterReads {
  /** Newest death first; what was redriven is left out. */
  list(tenants: readonly TenantId[], filter: DeadLetterFilter, page: PageAsked): Promise<readonly DeadLetter[]>;
  /** A redriven one too; `payload` of a message. */
  find(
    tenants: readonly TenantId[],
    id: string,
  ): Promise<{ readonly letter: DeadLetter; readonly payload: DeadMessage | undefined } | undefined>;
  /** All tries of a task, oldest first, 1,000 at most. */
  assignments(tenantId: TenantId, taskId: TaskId): Promise<readonly PastAssignment[]>;
  /** Of one dead letter, purged ones too, or of all; newest first. */
  audit(
    tenants: readonly TenantId[],
    deadLetterId: string | undefined,
    page: PageAsked,
  ): Promise<readonly DeadLetterAudit[]>;
}

export function deadLetterReads(database: Database): DeadLetterReads {
  const query = <Row>(tenants: readonly TenantId[], statement: Sql): Promise<QueryResult<Row>> =>
    database.queryAs<Row>({ role: "devmesh_app", tenants, plans: "by_index" }, statement);
  return {
    list: async (tenants, filter, page) =>
      (await query<DeadLetterRow>(tenants, listLetters(tenants, filter, page))).rows.map(toDeadLetter),
    find: async (tenants, id) => {
      const { rows } = await query<DeadLetterRow & PayloadRow>(
        tenants,
        sql`
          select ${deadLetterColumns}, d.body, d.attributes
          from dead_letter d
          where d.id = ${id}::uuid and d.tenant_id = any (${tenants}::uuid[]) and d.state not in ('purging', 'purged')`,
      );
      return rows.map((row) => ({ letter: toDeadLetter(row), payload: toPayload(row) }))[0];
    },
    assignments: async (tenantId, taskId) =>
      (await query<AssignmentRow>([tenantId], listAssignments(tenantId, taskId))).rows.map(toPastAssignment),
    audit: async (tenants, deadLetterId, page) =>
      (await query<AuditRow>(tenants, listAudit(tenants, deadLetterId, page))).rows.map(toAudit),
  };
}

/** The newest of each tenant by `dead_letter_listed`, and of these the newest. */
function listLetters(tenants: readonly TenantId[], filter: DeadLetterFilter, { limit, after }: PageAsked): Sql {
  return sql`
    select d.*
    from unnest(${tenants}::uuid[]) as mine (tenant_id)
    cross join lateral (
      select ${deadLetterColumns}
      from dead_letter d
      where d.tenant_id = mine.tenant_id and d.state in ('dead', 'redriving') ${matches(filter)}
        ${after === undefined ? sql`` : sql`and (d.failed_at, d.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
      order by d.failed_at desc, d.id desc
      limit ${limit}
    ) d
    order by d."failedAt" desc, d.id desc
    limit ${limit}`;
}

interface PayloadRow {
  readonly body: string | null;
  readonly attributes: Readonly<Record<string, string>> | null;
}

function toPayload({ body, attributes }: PayloadRow): DeadMessage | undefined {
  return body === null ? undefined : { body, attributes: attributes ?? {} };
}

interface AssignmentRow {
  readonly id: string;
  readonly fence: number;
  readonly attempt: number;
  readonly state: string;
  readonly agentId: string;
  readonly agentName: string | null;
  readonly assignedAt: Date;
  readonly endedAt: Date | null;
  readonly endReason: string | null;
}

function listAssignments(tenantId: TenantId, taskId: TaskId): Sql {
  return sql`
    select x.id, x.fence, x.attempt, x.state, x.agent_id as "agentId", a.name as "agentName",
      x.created_at as "assignedAt", x.ended_at as "endedAt", x.end_reason as "endReason"
    from assignment x
    left join agent a on a.id = x.agent_id
    where x.task_id = ${taskId} and x.tenant_id = ${tenantId}
    order by x.fence
    limit 1000`;
}

function toPastAssignment(row: AssignmentRow): PastAssignment {
  const { id, fence, attempt, state, agentId, agentName, assignedAt, endedAt, endReason } = row;
  return {
    id,
    fence,
    attempt,
    state,
    agent: { id: agentId, ...(agentName !== null && { name: agentName }) },
    assignedAt: assignedAt.toISOString(),
    ...(endedAt !== null && { endedAt: endedAt.toISOString() }),
    ...(endReason !== null && { endReason }),
  };
}

interface AuditRow {
  readonly id: string;
  readonly deadLetterId: string;
  readonly action: DeadLetterAudit["action"];
  readonly keyId: ApiKeyId | null;
  readonly keyName: string | null;
  readonly force: boolean;
  readonly outcome: AuditOutcome;
  readonly detail: string | null;
  readonly jobId: string | null;
  readonly at: Date;
}

/** By `dead_letter_audit_letter`, or by `dead_letter_audit_listed`. A key's name is seen by its own tenant alone. */
function listAudit(tenants: readonly TenantId[], deadLetterId: string | undefined, { limit, after }: PageAsked): Sql {
  return sql`
    select d.id, d.dead_letter_id as "deadLetterId", d.action, d.api_key_id as "keyId", k.name as "keyName", d.force,
      d.outcome, d.detail, d.job_id as "jobId", d.at
    from (
      select d.*
      from unnest(${tenants}::uuid[]) as mine (tenant_id)
      cross join lateral (
        select *
        from dead_letter_audit d
        where d.tenant_id = mine.tenant_id
          ${deadLetterId === undefined ? sql`` : sql`and d.dead_letter_id = ${deadLetterId}::uuid`}
          ${after === undefined ? sql`` : sql`and (d.at, d.id) < (${after.at}::timestamptz, ${after.id}::uuid)`}
        order by d.at desc, d.id desc
        limit ${limit}
      ) d
      order by d.at desc, d.id desc
      limit ${limit}
    ) d
    left join api_key k on k.tenant_id = any (${tenants}::uuid[]) and k.id = d.api_key_id
    order by d.at desc, d.id desc`;
}

function toAudit(row: AuditRow): DeadLetterAudit {
  const { id, deadLetterId, action, keyId, keyName, force, outcome, detail, jobId, at } = row;
  return {
    id,
    deadLetterId,
    action,
    ...(keyId !== null && { by: { id: keyId, ...(keyName !== null && { name: keyName }) } }),
    force,
    outcome,
    ...(detail !== null && { detail }),
    ...(jobId !== null && { jobId }),
    at: at.toISOString(),
  };
}
