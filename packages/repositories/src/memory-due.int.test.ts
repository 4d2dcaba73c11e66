import { randomUUID } from "node:crypto";
import type { ApiKeyId, CollectionId, ContextId, ImportId, KnowledgeId, TenantId } from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import { givenCollection, keyOf, newDocument } from "../test/collections.ts";
import { describeOnBoth, givenTenant, type OpenDatabase } from "../test/fixture.ts";
import { documentRepository } from "./collections/document-repository.ts";
import { pendingRepository } from "./collections/pending-repository.ts";
import { contextDigests } from "./contexts/context-digests.ts";
import { contextRemovals } from "./contexts/context-removals.ts";
import { contextRepository } from "./contexts/context-repository.ts";
import type { Database } from "./database/database.ts";
import { sql } from "./database/sql.ts";
import { importJobs } from "./imports/import-jobs.ts";
import { openImports } from "./imports/open-imports.ts";
import { knowledgeRepository } from "./knowledge/knowledge-repository.ts";
import { knowledgeSyncRepository } from "./knowledge/knowledge-sync.ts";
import { findMemoryDue } from "./memory-due.ts";

describeOnBoth(describeDue);

function describeDue(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    tenantId = await givenTenant(database);
  });
  afterAll(() => stack.disposeAsync());
  const id = <Id extends string>(): Id => randomUUID() as string as Id;
  const nothing = { documents: false, digests: false, removals: false, imports: false, entries: false };
  const due = () => findMemoryDue(database);

  test("a context is due for its summary until somebody has it, and for removal when it is over", async () => {
    expect(await due()).toEqual(nothing);
    const contexts = contextRepository(database);
    const context = { id: id<ContextId>(), name: "a", mediaType: "text/plain", size: 1, sha256: "00", metadata: {} };
    await contexts.create(tenantId, { ...context, expiresInSeconds: 60, summarize: true, embed: true }, undefined);
    expect(await due()).toEqual(nothing);
    await contexts.complete(tenantId, context.id, '"1"');
    expect(await due()).toEqual({ ...nothing, digests: true });
    const [claim] = await contextDigests(database).claim(1, 60_000);
    expect(await due()).toEqual(nothing);
    await contextDigests(database).settle(
      { id: context.id, tries: claim?.tries ?? 0 },
      { summary: "a", documentIds: [] },
    );
    await contexts.delete(tenantId, context.id);
    expect(await due()).toEqual({ ...nothing, removals: true });
    await contextRemovals(database).claim(1, 60_000);
    expect(await due()).toEqual(nothing);
  });

  test("a document is, until it is embedded or given up", async () => {
    const collection = await givenCollection(database, tenantId);
    const [document] = await documentRepository(database).write(keyOf(collection), [newDocument("a", ["b"])]);
    expect(await due()).toEqual({ ...nothing, documents: true });
    const [pending] = await pendingRepository(database).claim(1, 60_000, 1);
    expect(pending?.documentId).toBe(document?.id);
    expect(await due()).toEqual({ ...nothing, documents: true });
    if (pending !== undefined) {
      await pendingRepository(database).fail(tenantId, [pending], { code: "unavailable", message: "away" });
    }
    expect(await due()).toEqual(nothing);
  });

  test("an import is due until somebody has it, an entry until its document is written", async () => {
    const { id: collectionId } = await givenCollection(database, tenantId);
    const job = {
      id: id<ImportId>(),
      collectionId: collectionId as CollectionId,
      key: "imports/a",
      etag: "1",
      size: 1,
    };
    await importJobs(database).create(tenantId, job);
    const asker = { tenantId, reader: { id: id<ApiKeyId>(), team: undefined, isAdmin: false } };
    const text = {
      title: "a",
      content: "b",
      category: undefined,
      tags: [],
      access: "tenant",
      team: undefined,
    } as const;
    const entryId = id<KnowledgeId>();
    await knowledgeRepository(database).create(asker, entryId, text, undefined);
    expect(await due()).toEqual({ ...nothing, imports: true, entries: true });
    await openImports(database).claim(randomUUID(), 60_000);
    expect(await due()).toEqual({ ...nothing, entries: true });
    const sync = knowledgeSyncRepository(database);
    const entry = await sync.claim(tenantId, entryId, 60_000);
    expect(await due()).toEqual(nothing);
    await database.queryAs({ role: "devmesh_engine" }, sql`update knowledge_entry set claimed_until = null`);
    expect(await due()).toEqual({ ...nothing, entries: true });
    if (entry !== undefined) await sync.done(entry);
    expect(await due()).toEqual(nothing);
  });
}
