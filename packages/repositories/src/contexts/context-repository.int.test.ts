import {
  type ContextId,
  type ContextWrite,
  type DocumentId,
  maxContextsBytes,
  type StoredContext,
  type TenantId,
} from "@devmesh/models";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeOnBoth, givenTask, givenTenant, newUuid, type OpenDatabase } from "../../test/fixture.ts";
import type { Database } from "../database/database.ts";
import { type Sql, sql } from "../database/sql.ts";
import { ledgerStore } from "../ledger/ledger-store.ts";
import { taskReads } from "../tasks/task-reads.ts";
import { type ClaimedContext, contextDigests } from "./context-digests.ts";
import { contextRemovals } from "./context-removals.ts";
import { contextRepository } from "./context-repository.ts";

describeOnBoth(describeContexts);

const sha256 = "0123456789abcdef".repeat(4);

function describeContexts(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
  });
  afterAll(() => stack.disposeAsync());
  beforeEach(async () => {
    tenantId = await givenTenant(database);
    // what other tests left is not due in this one
    await asEngine(sql`delete from context`);
  });

  const asEngine = (statement: Sql): Promise<unknown> => database.queryAs({ role: "devmesh_engine" }, statement);
  const backdate = (id: ContextId, change: Sql): Promise<unknown> =>
    asEngine(sql`update context set ${change} where id = ${id}`);

  function contextOf(more: Partial<ContextWrite> = {}): ContextWrite {
    const base = { name: "a.md", mediaType: "text/markdown", size: 12, sha256, metadata: { a: { b: 1 } } };
    return { id: newUuid(), ...base, expiresInSeconds: 3_600, summarize: true, embed: true, ...more };
  }
  const create = async (more: Partial<ContextWrite> = {}): Promise<StoredContext> =>
    (await contextRepository(database).create(tenantId, contextOf(more), undefined)).made;
  async function createReady(more: Partial<ContextWrite> = {}): Promise<StoredContext> {
    const { id } = await create(more);
    const ready = await contextRepository(database).complete(tenantId, id, '"etag"');
    if (ready === undefined) throw new Error("the context is gone");
    return ready;
  }
  const find = (id: ContextId): Promise<StoredContext | undefined> => contextRepository(database).find(tenantId, id);
  async function claimOne(): Promise<ClaimedContext> {
    const [claim] = await contextDigests(database).claim(10, 60_000);
    if (claim === undefined) throw new Error("nothing was to be claimed");
    return claim;
  }

  test("waits for its upload, is completed once, and found by its tenant alone", async () => {
    const made = await create();
    expect(made).toMatchObject({ name: "a.md", size: 12, sha256, state: "uploading", metadata: { a: { b: 1 } } });
    expect(made).toMatchObject({ summary: { state: "pending" }, embedding: { state: "pending" } });
    expect(Date.parse(made.expiresAt) - Date.parse(made.createdAt)).toBe(3_600_000);
    const ready = await contextRepository(database).complete(tenantId, made.id, '"1"');
    expect(ready).toMatchObject({ state: "ready", readyAt: expect.any(String) });
    // again, and by another content: the first stands
    expect(await contextRepository(database).complete(tenantId, made.id, '"2"')).toEqual(ready);
    expect((await claimOne()).etag).toBe('"1"');
    const other = await givenTenant(database);
    expect(await contextRepository(database).find(other, made.id)).toBeUndefined();
    expect(await contextRepository(database).complete(other, made.id, '"1"')).toBeUndefined();
    expect(await contextRepository(database).delete(other, made.id)).toBe(false);
    expect(await find(made.id)).toBeDefined();
  });

  test("answers a repeated key with the first, as it is now", async () => {
    const contexts = contextRepository(database);
    const key = { principalId: newUuid<never>(), key: "k", bodyHash: "00" };
    const [{ made }, other] = await Promise.all([
      contexts.create(tenantId, contextOf(), key),
      contexts.create(tenantId, contextOf(), key),
    ]);
    expect(other.made.id).toBe(made.id);
    await contexts.complete(tenantId, made.id, '"1"');
    const again = await contexts.create(tenantId, contextOf(), key);
    expect(again).toMatchObject({ made: { id: made.id, state: "ready" }, isReplay: true });
    await expect(contexts.create(tenantId, contextOf(), { ...key, bodyHash: "01" })).rejects.toMatchObject({
      code: "conflict",
      reason: "idempotency_key_reused",
    });
    await contexts.delete(tenantId, made.id);
    await expect(contexts.create(tenantId, contextOf(), key)).rejects.toMatchObject({ code: "not_found" });
  });

  test("refuses bytes above the quota; what has expired counts no more", async () => {
    const large = await create({ size: maxContextsBytes - 5 });
    await expect(create({ size: 6 })).rejects.toMatchObject({ code: "resource_exhausted", reason: "quota" });
    await create({ size: 5 });
    await expect(create({ size: 1 })).rejects.toMatchObject({ code: "resource_exhausted" });
    await contextRepository(database).delete(tenantId, large.id);
    await create({ size: 1 });
  });

  test("leaves the last room to one of those that ask at once", async () => {
    await create({ size: maxContextsBytes - 10 });
    const asked = Array.from({ length: 6 }, () => create({ size: 10 }));
    const outcomes = (await Promise.allSettled(asked)).map(({ status }) => status);
    expect(outcomes.filter((status) => status === "fulfilled")).toHaveLength(1);
  });

  test("lists newest first, by state and page by page", async () => {
    const ids: ContextId[] = [];
    for (const name of ["a", "b", "c"]) ids.push((await create({ name })).id);
    await backdate(ids[0] ?? newUuid(), sql`created_at = now() - interval '2 hours', state = 'ready'`);
    await backdate(
      ids[1] ?? newUuid(),
      sql`created_at = now() - interval '1 hour', expires_at = now() - interval '1 second'`,
    );
    const list = contextRepository(database).list;
    const names = async (asked: Partial<Parameters<typeof list>[1]>): Promise<readonly string[]> =>
      (await list(tenantId, { limit: 10, after: undefined, ...asked })).map(({ name }) => name);
    expect(await names({})).toEqual(["c", "b", "a"]);
    expect(await names({ state: "ready" })).toEqual(["a"]);
    expect(await names({ state: "expired" })).toEqual(["b"]);
    const [first] = await list(tenantId, { limit: 1, after: undefined });
    expect(await names({ after: { at: first?.createdAt ?? "", id: first?.id ?? "" } })).toEqual(["b", "a"]);
  });

  test("is expired at its time, whether the sweep came by or not, and can't be completed any more", async () => {
    const { id } = await createReady();
    await backdate(id, sql`expires_at = now() - interval '1 second'`);
    expect(await find(id)).toMatchObject({ state: "expired" });
    const late = await create();
    await backdate(late.id, sql`upload_until = now() - interval '1 second'`);
    expect(await contextRepository(database).complete(tenantId, late.id, '"1"')).toMatchObject({ state: "expired" });
  });

  test("tells what tasks refer to: ready, uploading, expired; not deleted, foreign or unknown ones", async () => {
    const ready = await createReady();
    const uploading = await create();
    const expired = await createReady();
    await backdate(expired.id, sql`expires_at = now() - interval '1 second'`);
    const deleted = await createReady();
    await contextRepository(database).delete(tenantId, deleted.id);
    const other = await givenTenant(database);
    const refs = [ready, uploading, expired, deleted].map(({ id }) => ({ tenantId, contextId: id }));
    const found = await ledgerStore(database, () => newUuid()).transaction([tenantId, other], (tx) =>
      tx.findContexts([...refs, { tenantId: other, contextId: ready.id }, { tenantId, contextId: newUuid() }]),
    );
    const standingOf = new Map(found.map(({ tenantId: of, contextId, standing }) => [`${of} ${contextId}`, standing]));
    expect(Object.fromEntries(standingOf)).toEqual({
      [`${tenantId} ${ready.id}`]: "ready",
      [`${tenantId} ${uploading.id}`]: "uploading",
      [`${tenantId} ${expired.id}`]: "expired",
    });
  });

  test("is shown by the tasks that refer to it, also when it is gone", async () => {
    const { id } = await createReady();
    const task = await givenTask(database, tenantId, { contexts: [id] });
    const plain = await givenTask(database, tenantId);
    await contextRepository(database).delete(tenantId, id);
    const [shown, without] = await taskReads(database).get(tenantId, [task.id, plain.id], "whole");
    expect(shown?.contexts).toEqual([id]);
    expect(without).not.toHaveProperty("contexts");
  });

  test("is claimed for summary and embedding by one at a time, and again when a claim was lost", async () => {
    const { id } = await createReady();
    await createReady({ summarize: false, embed: false });
    await create();
    const digests = contextDigests(database);
    const [claims, others] = await Promise.all([digests.claim(10, 60_000), digests.claim(10, 60_000)]);
    const first = [...claims, ...others];
    expect(first).toMatchObject([{ tenantId, id, tries: 1, wantsSummary: true, wantsEmbedding: true, size: 12 }]);
    expect(await digests.claim(10, 60_000)).toEqual([]);
    await backdate(id, sql`digest_at = now() - interval '1 second'`);
    const second = await claimOne();
    expect(second.tries).toBe(2);
    const documentIds = [newUuid<DocumentId>(), newUuid<DocumentId>(), newUuid<DocumentId>()];
    await asEngine(sql`
      insert into pending_document (tenant_id, collection_id, document_id, version, error)
      values (${tenantId}, ${id}, ${documentIds[0]}, 1, null), (${tenantId}, ${id}, ${documentIds[1]}, 1, '{}')`);
    // the first came back after all
    expect(await digests.settle({ id, tries: 1 }, { summary: "late" })).toBe(false);
    expect(await digests.settle(second, { summary: "short", documentIds, bytesRead: 12 })).toBe(true);
    expect(await find(id)).toMatchObject({
      summary: { state: "done", text: "short" },
      embedding: { state: "done", documents: 3, waiting: 1, failed: 1 },
      bytesRead: 12,
    });
    await backdate(id, sql`created_at = now()`);
    expect(await digests.claim(10, 60_000)).toEqual([]);
  });

  test("keeps what was made when the rest fails, tries the rest again, and gives up when told", async () => {
    const { id } = await createReady();
    const digests = contextDigests(database);
    const error = { code: "unavailable", message: "away" } as const;
    await digests.settle(await claimOne(), { documentIds: [newUuid<DocumentId>()], error, retryInMs: 60_000 });
    expect(await find(id)).toMatchObject({
      summary: { state: "pending" },
      embedding: { state: "done", documents: 1 },
      error,
    });
    expect(await digests.claim(10, 60_000)).toEqual([]);
    await backdate(id, sql`digest_at = now() - interval '1 second'`);
    const again = await claimOne();
    expect(again).toMatchObject({ tries: 2, wantsSummary: true, wantsEmbedding: false });
    await digests.settle(again, { error });
    expect(await find(id)).toMatchObject({ summary: { state: "failed" }, embedding: { state: "done" }, error });
  });

  test("is removed when it has expired, was never completed or was deleted, and its row last", async () => {
    const removals = contextRemovals(database);
    const expired = await createReady();
    const abandoned = await create();
    const deleted = await createReady();
    const kept = await createReady();
    await backdate(
      expired.id,
      sql`expires_at = now() - interval '1 second', sweep_at = now() - interval '1 second', digest_tries = 1, summary = 'text'`,
    );
    await backdate(
      abandoned.id,
      sql`upload_until = now() - interval '1 second', sweep_at = now() - interval '1 second'`,
    );
    await contextRepository(database).delete(tenantId, deleted.id);
    const claims = await removals.claim(10, 60_000);
    expect(new Map(claims.map(({ id, wasClaimed }) => [id, wasClaimed]))).toEqual(
      new Map([
        [expired.id, true],
        [abandoned.id, false],
        [deleted.id, false],
      ]),
    );
    expect(await removals.claim(10, 60_000)).toEqual([]);
    await removals.settle(claims.map(({ id }) => id));
    expect(await find(expired.id)).toMatchObject({ state: "expired", summary: {} });
    expect((await find(expired.id))?.summary).not.toHaveProperty("text");
    expect(await find(deleted.id)).toBeUndefined();
    expect(await find(kept.id)).toMatchObject({ state: "ready" });
    // an upload that was under way may have ended: removed once more, and then the rows go
    await asEngine(sql`
      update context set upload_until = now() - interval '1 second', sweep_at = now() - interval '1 second', removed_at = now() - interval '31 days'
      where id <> ${kept.id}`);
    const again = await removals.claim(10, 60_000);
    expect(again).toHaveLength(3);
    await removals.settle(again.map(({ id }) => id));
    expect(await find(expired.id)).toBeUndefined();
    expect(await contextRepository(database).list(tenantId, { limit: 10, after: undefined })).toHaveLength(1);
  });

  test("is not removed while something is being made of it, and nothing is made of what is to be removed", async () => {
    const { id } = await createReady();
    const claim = await claimOne();
    await contextRepository(database).delete(tenantId, id);
    expect(await contextRemovals(database).claim(10, 60_000)).toEqual([]);
    expect(await contextDigests(database).settle(claim, { summary: "s", documentIds: [] })).toBe(true);
    expect(await contextRemovals(database).claim(10, 60_000)).toMatchObject([{ id, wasClaimed: true }]);
    const other = await createReady();
    await backdate(other.id, sql`sweep_at = now() - interval '1 second'`);
    expect(await contextDigests(database).claim(10, 60_000)).toEqual([]);
  });
}
