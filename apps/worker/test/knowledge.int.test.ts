import { randomUUID } from "node:crypto";
import { openModels } from "@devmesh/memory";
import type { ApiKeyId, DocumentId, KnowledgeId, TenantId } from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import {
  type Database,
  keyRepository,
  knowledgeRepository,
  migrate,
  migrationsDir,
  openPglite,
  openPostgres,
  snapshotPglite,
  sql,
} from "@devmesh/repositories";
import { createNudge } from "@devmesh/runtime";
import { openTestDatabase, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { keepKnowledge } from "../src/knowledge/keep-knowledge.ts";

const logger = createLogger({ level: "silent", service: "worker" });
const local = { provider: "local", regions: [], endpoint: undefined, claudeModel: undefined } as const;
const stack = new AsyncDisposableStack();
let database: Database;
beforeAll(async () => {
  database = await openTestDatabase({ migrationsDir, migrate, openPostgres, openPglite, snapshotPglite }, stack);
});
afterAll(() => stack.disposeAsync());

interface Standing {
  readonly documentId: DocumentId | null;
  readonly isSynced: boolean;
}

async function standing(id: KnowledgeId): Promise<Standing | undefined> {
  const statement = sql`
    select e.version = e.synced_version as "isSynced", d.id as "documentId"
    from knowledge_entry e
    left join document d on d.tenant_id = e.tenant_id and d.external_id = e.id::text
    where e.id = ${id}`;
  return (await database.queryAs<Standing>({ role: "devmesh_engine" }, statement)).rows[0];
}

async function age(id: KnowledgeId): Promise<void> {
  const statement = sql`
    update knowledge_entry set updated_at = updated_at - interval '5 minutes', claimed_until = null where id = ${id}`;
  await database.queryAs({ role: "devmesh_engine" }, statement);
}

/** The worker's own loop, until what is awaited is there. */
async function untilKept(isDone: () => Promise<boolean>): Promise<void> {
  await using models = openModels({ config: local, redisUrl: undefined, database, metrics: createMetrics("worker") });
  const stop = new AbortController();
  const hints = { nudgeEmbeddings: () => undefined };
  const kept = keepKnowledge({ database, hints, models, nudge: createNudge(), logger }, stop.signal);
  await waitFor(isDone);
  stop.abort();
  await kept;
}

test("what a dead process left is found, and what it deleted is gone", async () => {
  const tenantId = randomUUID() as TenantId;
  await keyRepository(database).createTenant({ id: tenantId, name: tenantId });
  const asker = { tenantId, reader: { id: randomUUID() as ApiKeyId, team: undefined, isAdmin: false } };
  const knowledge = knowledgeRepository(database);
  const id = randomUUID() as KnowledgeId;
  const text = { title: "a", content: "b", category: undefined, tags: [], access: "tenant", team: undefined } as const;
  await knowledge.create(asker, id, text, undefined);
  expect(await standing(id)).toEqual({ isSynced: false, documentId: null });
  await age(id);
  await untilKept(async () => (await standing(id))?.isSynced === true);
  expect(await standing(id)).toEqual({ isSynced: true, documentId: expect.any(String) });

  await knowledge.delete(asker, id);
  await age(id);
  await untilKept(async () => (await standing(id)) === undefined);
  const left = sql`select id from document where tenant_id = ${tenantId}`;
  expect((await database.queryAs({ role: "devmesh_engine" }, left)).rows).toEqual([]);
});
