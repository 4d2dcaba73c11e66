import { randomBytes } from "node:crypto";
import type { AgentId, ApiKeyId, KnowledgeId, LaneId, TaskId, TenantId } from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  describeOnBoth,
  givenAgent,
  givenAssignment,
  givenNode,
  givenTask,
  givenTenant,
  newUuid,
  type OpenDatabase,
} from "../test/fixture.ts";
import type { Database, Queryable } from "./database/database.ts";
import { sql } from "./database/sql.ts";
import { keyRepository } from "./key-repository.ts";
import { linkEntry } from "./knowledge/knowledge-links.ts";

describeOnBoth(describeTenants);

function describeTenants(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  let tables: readonly string[];
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    tenantId = await givenTenant(database);
    await fillEveryTable(database, tenantId);
    const { rows } = await database.query<{ name: string }>(sql`
      select c.relname::text as name
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id'
      where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace
      order by 1`);
    tables = rows.map(({ name }) => name);
  });
  afterAll(() => stack.disposeAsync());

  /** Counts what a transaction of these tenants finds or changes with a statement in every table. */
  async function countAs(tenants: readonly TenantId[], toStatement: (table: string) => string): Promise<unknown> {
    const counts: Record<string, number> = {};
    await database.ownerSession(async (session) => {
      for (const table of tables) {
        await session.runScript(`begin; set local role devmesh_app;
          select set_config('devmesh.tenants', '${tenants.join(",")}', true);
          create temporary table outcome (count bigint) on commit drop;
          with touched as (${toStatement(table)}) insert into outcome select count(*) from touched`);
        const { rows } = await session.query<{ count: number }>(sql`select count from outcome`);
        await session.runScript("rollback");
        counts[table] = rows[0]?.count ?? -1;
      }
    });
    return counts;
  }
  const none = (): unknown => Object.fromEntries(tables.map((table) => [table, 0]));

  test("every table of a tenant's is closed to transactions of another, and of nobody", async () => {
    const select = (table: string): string => `select 1 from ${table}`;
    const update = (table: string): string => `update ${table} set tenant_id = tenant_id returning 1`;
    const remove = (table: string): string => `delete from ${table} returning 1`;
    const other = await givenTenant(database);
    for (const toStatement of [select, update, remove]) {
      expect(await countAs([other], toStatement)).toEqual(none());
      expect(await countAs([], toStatement)).toEqual(none());
    }
    const own = Object.entries((await countAs([other, tenantId], select)) as Record<string, number>);
    expect(
      own.flatMap(([table, count]) => (count === 0 ? [table] : [])),
      "the test fills every table",
    ).toEqual([]);
    expect(tables.length).toBeGreaterThanOrEqual(14);
  });

  test("nothing can be written for another tenant", async () => {
    const other = await givenTenant(database);
    const write = database.transaction({ role: "devmesh_app", tenants: [other] }, (tx) =>
      tx.query(sql`
        insert into mailbox (tenant_id, agent_id, seq, type, payload)
        values (${tenantId}, ${newUuid<string>()}, 1, 1, '{}')`),
    );
    await expect(write).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("42501") });
  });

  test("a tenant is seen by itself alone, nodes and the relay's cursor by the engine alone", async () => {
    const other = await givenTenant(database);
    const { rows } = await database.transaction({ role: "devmesh_app", tenants: [other] }, (tx) =>
      tx.query<{ id: string }>(sql`select id from tenant`),
    );
    expect(rows).toEqual([{ id: other }]);
    const reach = database.transaction({ role: "devmesh_app", tenants: [other] }, (tx) =>
      tx.query(sql`select id from node`),
    );
    await expect(reach).rejects.toMatchObject({ code: "internal" });
    const cursor = database.transaction({ role: "devmesh_app", tenants: [other] }, (tx) =>
      tx.query(sql`select xid from relay_cursor`),
    );
    await expect(cursor).rejects.toMatchObject({ code: "internal" });
  });
}

async function fillEveryTable(database: Database, tenantId: TenantId): Promise<void> {
  const { agent } = await givenAgent(database, tenantId, { nodeId: await givenNode(database) });
  const first = await givenTask(database, tenantId);
  await givenTask(database, tenantId, { state: "blocked", dependsOn: [first.id] });
  const { assignmentId } = await givenAssignment(database, first, agent.id);
  await keyRepository(database).create({
    tenantId,
    id: newUuid(),
    kind: "pat",
    name: "a",
    hash: randomBytes(32),
    display: "a",
    scopes: [],
  });
  await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
    await tx.query(sql`
      insert into mailbox (tenant_id, agent_id, seq, type, payload) values (${tenantId}, ${agent.id}, 9, 1, '{}')`);
    await fillMessages(tx, tenantId, agent.id);
    await fillCaps(tx, tenantId, first.laneId, agent.id);
    await fillDeadLetters(tx, tenantId);
    await fillCollections(tx, tenantId);
    await fillContexts(tx, tenantId);
    await fillKnowledge(tx, tenantId, first.id);
    await fillTools(tx, tenantId);
    await tx.query(sql`
      insert into import_job (tenant_id, id, collection_id, key, etag, size)
      values (${tenantId}, ${newUuid<string>()}, ${newUuid<string>()}, 'k', 'e', 1)`);
    await tx.query(sql`
      insert into task_result (tenant_id, task_id, assignment_id)
      values (${tenantId}, ${newUuid<TaskId>()}, ${assignmentId})`);
    await tx.query(sql`
      insert into task_answer (tenant_id, task_id, number, question_id, assignment_id, question, answer, answered_by)
      values (${tenantId}, ${first.id}, 1, ${newUuid<string>()}, ${assignmentId}, 'q', 'null', '{"kind":"default"}')`);
    await tx.query(sql`
      insert into tool_input (tenant_id, task_id, question_id, name, response)
      values (${tenantId}, ${first.id}, ${newUuid<string>()}, 'a', 'null')`);
    await tx.query(sql`
      insert into idempotency_key (tenant_id, principal_id, operation, key, body_hash, response)
      values (${tenantId}, ${tenantId}, 'o', 'k', '', '{}')`);
  });
}

async function fillContexts(tx: Queryable, tenantId: TenantId): Promise<void> {
  await tx.query(sql`
    insert into context (tenant_id, id, name, media_type, size, sha256, metadata, summary_state, embedding_state,
      expires_at)
    values (${tenantId}, ${newUuid<string>()}, 'a', 'a/b', 1, '', '{}', 'none', 'none', now())`);
}

async function fillKnowledge(tx: Queryable, tenantId: TenantId, taskId: TaskId): Promise<void> {
  const entryId = newUuid<KnowledgeId>();
  const asker = { tenantId, reader: { id: newUuid<ApiKeyId>(), team: undefined, isAdmin: false } };
  await tx.query(sql`
    insert into knowledge_entry (tenant_id, id, title, content, tags, access, owner_id)
    values (${tenantId}, ${entryId}, 'a', 'a', '{}', 'tenant', ${asker.reader.id})`);
  await tx.query(sql`
    insert into knowledge_version (tenant_id, entry_id, version, title, content, tags, access, editor_id)
    values (${tenantId}, ${entryId}, 1, 'a', 'a', '{}', 'tenant', ${asker.reader.id})`);
  await linkEntry(tx, asker, entryId, { target: "task", id: taskId, relation: "about" });
}

async function fillTools(tx: Queryable, tenantId: TenantId): Promise<void> {
  const id = newUuid<string>();
  await tx.query(sql`
    insert into tool_server (tenant_id, id, name, transport, timeout_ms, max_concurrency, scopes, enabled)
    values (${tenantId}, ${id}, 'a', '{}', 1, 1, '{}', true)`);
  await tx.query(sql`
    insert into tool_secret (tenant_id, server_id, name, key_id, nonce, ciphertext, tag)
    values (${tenantId}, ${id}, 'a', 'k', '', '', '')`);
  await tx.query(sql`
    insert into external_tool (tenant_id, server_id, name, call_name, shape, words)
    values (${tenantId}, ${id}, 'a', 'a', '{}', 'a')`);
  await tx.query(sql`
    insert into tool_call (tenant_id, id, server_id, tool, principal_id, door, outcome, duration_ms, argument_bytes,
      result_bytes)
    values (${tenantId}, ${id}, ${id}, 'a', ${id}, 'rest', 'ok', 1, 1, 1)`);
}

async function fillDeadLetters(tx: Queryable, tenantId: TenantId): Promise<void> {
  const id = newUuid<string>();
  await tx.query(sql`
    insert into dead_letter (tenant_id, id, kind, queue, reason, message)
    values (${tenantId}, ${id}, 'message', 'q', 'r', 'm')`);
  await tx.query(sql`
    insert into dead_letter_audit (tenant_id, dead_letter_id, action, outcome)
    values (${tenantId}, ${id}, 'redrive', 'redriven')`);
  await tx.query(sql`
    insert into redrive_job (tenant_id, id, filter, tenants, rate_per_second, force, api_key_id, total)
    values (${tenantId}, ${id}, '{}', ${[tenantId]}::uuid[], 1, false, ${id}, 0)`);
}

async function fillCollections(tx: Queryable, tenantId: TenantId): Promise<void> {
  const id = newUuid<string>();
  await tx.query(sql`
    insert into collection (tenant_id, id, kind, name, model, dimensions, distance, storage, hnsw_m, hnsw_ef_construction,
      hnsw_ef_search, chunking, context, language)
    values (${tenantId}, ${id}, 'user', 'c', 'm', 256, 'cosine', 'halfvec', 16, 64, 100, '{}', 'none', 'english')`);
  await tx.query(sql`select make_collection_storage(${tenantId}, ${id})`);
  await tx.query(sql`
    insert into collection_field (tenant_id, collection_id, path, type) values (${tenantId}, ${id}, 'a', 'string')`);
  await tx.query(sql`
    insert into document (tenant_id, collection_id, id, external_id, metadata, content_hash, chunk_count, content)
    values (${tenantId}, ${id}, ${id}, 'e', '{}', '', 1, 'text')`);
  await tx.query(sql`
    insert into chunk (tenant_id, collection_id, document_id, id, ordinal, start_at, end_at, tokens, content, words)
    values (${tenantId}, ${id}, ${id}, ${id}, 0, 0, 4, 1, 'text', 'text')`);
  await tx.query(sql`
    insert into chunk_vector (tenant_id, collection_id, document_id, chunk_id) values (${tenantId}, ${id}, ${id}, ${id})`);
  await tx.query(sql`
    insert into pending_document (tenant_id, collection_id, document_id, version)
    values (${tenantId}, ${id}, ${id}, 1)`);
}

/** Events of agents are there already. */
async function fillMessages(tx: Queryable, tenantId: TenantId, agentId: AgentId): Promise<void> {
  await tx.query(sql`
    insert into subscription (tenant_id, agent_id, topic, head) values (${tenantId}, ${agentId}, 'a', 'a')`);
  await tx.query(sql`
    insert into mail_body (tenant_id, id, payload) values (${tenantId}, ${newUuid<string>()}, '{}')`);
  await tx.query(sql`
    insert into mailbox_size (tenant_id, agent_id, frames, bytes, counted_seq) values (${tenantId}, ${agentId}, 0, 0, 0)`);
  await tx.query(sql`
    insert into sent_message (tenant_id, sender_id, message_id) values (${tenantId}, ${agentId}, ${newUuid<string>()})`);
  await tx.query(sql`insert into event_fan_out (tenant_id, position) values (${tenantId}, 0)`);
  await tx.query(sql`insert into event_cursor (tenant_id, position) values (${tenantId}, 0)`);
}

async function fillCaps(tx: Queryable, tenantId: TenantId, laneId: LaneId, agentId: AgentId): Promise<void> {
  const id = newUuid<string>();
  await tx.query(sql`
    insert into concurrency_limit (tenant_id, id, kind, max_in_flight) values (${tenantId}, ${id}, 'tenant', 1)`);
  await tx.query(sql`
    insert into lane_limit (tenant_id, lane_id, limit_id) values (${tenantId}, ${laneId}, ${id})`);
  await tx.query(sql`
    insert into budget (tenant_id, id, scope, unit, cap) values (${tenantId}, ${id}, 'tenant', 'tokens', 1)`);
  await tx.query(sql`
    insert into usage_daily (tenant_id, day, agent_id, type, model, tasks, attempts, input_tokens, output_tokens,
      cost_micro_usd)
    values (${tenantId}, '2026-01-01', ${agentId}, 'work', '', 1, 1, 1, 1, 1)`);
}
