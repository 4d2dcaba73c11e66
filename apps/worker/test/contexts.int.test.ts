import { createHash, randomUUID } from "node:crypto";
import { createHints, memoryFanOut, type Objects, openObjects } from "@devmesh/adapters";
import { contextSearch } from "@devmesh/embedding";
import { openModels } from "@devmesh/memory";
import {
  type ContextId,
  contextKey,
  type MetadataFilter,
  type SearchHit,
  type StoredContext,
  type TenantId,
} from "@devmesh/models";
import { createLogger, createMetrics } from "@devmesh/observability";
import {
  collectionRepository,
  contextRepository,
  type Database,
  keyRepository,
  migrate,
  migrationsDir,
  openPostgres,
  type Sql,
  searchRepository,
  sql,
} from "@devmesh/repositories";
import { createNudge } from "@devmesh/runtime";
import { createTestDatabase, givenServices, waitFor } from "@devmesh/testing";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keepContexts } from "../src/contexts/keep-contexts.ts";
import { openContexts } from "../src/contexts/open-contexts.ts";

const { databaseUrl = "" } = givenServices();
const logger = createLogger({ level: "silent", service: "worker" });
const local = { provider: "local", regions: [], endpoint: undefined, claudeModel: undefined } as const;

const stack = new AsyncDisposableStack();
let database: Database;
let aws: FauxqsServer;
let objects: Objects;
let tenantId: TenantId;
let isS3Away = false;
let worker: { readonly nudge: () => void; readonly stop: () => Promise<void> } | undefined;

describe.skipIf(databaseUrl === "")("contexts in the worker", () => {
  beforeAll(async () => {
    const test = stack.use(
      await createTestDatabase({
        url: databaseUrl,
        migrationsDir,
        async migrate(url) {
          await using owner = openPostgres({ url });
          await migrate(owner);
        },
      }),
    );
    database = stack.use(openPostgres({ url: test.url }));
    aws = stack.adopt(await startFauxqs({ port: 0, logger: false }), (server) => server.stop());
    const endpoint = `http://127.0.0.1:${aws.port}`;
    objects = stack.use(openObjects({ bucket: "contexts", region: "us-east-1", endpoint }));
  });
  afterAll(() => stack.disposeAsync());
  beforeEach(async () => {
    isS3Away = false;
    await asEngine(sql`delete from context`);
    tenantId = randomUUID() as TenantId;
    await keyRepository(database).createTenant({ id: tenantId, name: tenantId });
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
  });

  const asEngine = (statement: Sql): Promise<unknown> => database.queryAs({ role: "devmesh_engine" }, statement);
  const away = (): Promise<never> => Promise.reject(new Error("S3 is away"));

  async function startWorker(): Promise<void> {
    const stopping = new AbortController();
    const own = new AsyncDisposableStack();
    const metrics = createMetrics("worker");
    const models = own.use(openModels({ config: local, redisUrl: undefined, database, metrics }));
    const hints = own.use(createHints(own.use(memoryFanOut())));
    const wrapped: Objects = {
      ...objects,
      readRange: (key, range) => (isS3Away ? away() : objects.readRange(key, range)),
      delete: (keys, signal) => (isS3Away ? away() : objects.delete(keys, signal)),
    };
    const nudges = { digests: createNudge(), removals: createNudge() };
    const deps = await openContexts({ database, hints, objects: wrapped, models, nudges, metrics, logger });
    const running = keepContexts(deps, stopping.signal);
    worker = {
      nudge: () => hints.nudgeContexts(),
      stop: async () => {
        stopping.abort();
        await running;
        await own.disposeAsync();
      },
    };
  }

  async function given(content: string | Uint8Array, mediaType = "text/markdown"): Promise<StoredContext> {
    const bytes = Buffer.from(content);
    const contexts = contextRepository(database);
    const id = randomUUID() as ContextId;
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const terms = { metadata: { service: "billing" }, expiresInSeconds: 3_600, summarize: true, embed: true };
    await contexts.create(tenantId, { id, name: "a", mediaType, size: bytes.byteLength, sha256, ...terms }, undefined);
    const body = (async function* () {
      yield bytes;
    })();
    const put = { mediaType, maxBytes: bytes.byteLength };
    const { etag } = await objects.put(contextKey({ tenantId, id }), body, put);
    const made = await contexts.complete(tenantId, id, etag);
    if (made === undefined) throw new Error("the context is gone");
    return made;
  }

  const find = (id: ContextId): Promise<StoredContext | undefined> => contextRepository(database).find(tenantId, id);
  const reach = (id: ContextId, hasCome: (context: StoredContext) => boolean): Promise<StoredContext> =>
    waitFor(
      async () => {
        worker?.nudge();
        const context = await find(id);
        return context !== undefined && hasCome(context) ? context : undefined;
      },
      { what: "the context" },
    );

  async function search(query: string, filter?: MetadataFilter): Promise<readonly SearchHit[]> {
    const metrics = createMetrics("worker");
    await using models = openModels({ config: local, redisUrl: undefined, database, metrics });
    const searching = contextSearch({
      embedder: models.embedder,
      collections: collectionRepository(database),
      searches: searchRepository(database),
      canWriteContexts: false,
      newId: randomUUID,
      now: () => performance.now(),
      newEmbedTimeout: () => AbortSignal.timeout(5_000),
    });
    const terms = { query, filter, mode: "text", limit: 10, diversity: 0, explain: false } as const;
    return (await searching(tenantId, terms, AbortSignal.timeout(10_000))).hits;
  }

  const incident = [
    "# Incident\n\nBilling was down for nine minutes on Monday morning.",
    "A migration took an exclusive lock on the ledger, and every payment waited behind it until somebody ended it.",
    "Migrations of large tables run at night from now on, and give up after two seconds without their lock.",
  ].join("\n\n");

  it("have a summary and are found, a moment after they were completed", async () => {
    await startWorker();
    const { id } = await given(incident);
    const context = await reach(id, ({ summary, embedding }) => summary.state === "done" && embedding.state === "done");
    expect(context.summary.text).toContain("lock");
    expect(context).toMatchObject({ embedding: { documents: 1 }, bytesRead: Buffer.byteLength(incident) });
    expect(context).not.toHaveProperty("error");
    const [hit] = await search("ledger migration");
    expect(hit).toMatchObject({ externalId: `${id}/0`, metadata: { contextId: id, metadata: { service: "billing" } } });
    await expect(search("ledger", { op: "eq", path: ["metadata", "service"], value: 7 })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining('"metadata.service" holds string'),
    });
  });

  it("are taken up by another worker when one died over them", async () => {
    const { id } = await given(incident);
    // somebody took it, and was never heard of again
    await asEngine(sql`update context set digest_at = now() + interval '5 minutes', digest_tries = 1 where id = ${id}`);
    await startWorker();
    worker?.nudge();
    expect(await find(id)).toMatchObject({ summary: { state: "pending" } });
    await asEngine(sql`update context set digest_at = now() - interval '1 second' where id = ${id}`);
    await reach(id, ({ summary }) => summary.state === "done");
  });

  it("wait while S3 is away, say so, and are made when it is back", async () => {
    isS3Away = true;
    const { id } = await given(incident);
    await startWorker();
    const waiting = await reach(id, ({ error }) => error !== undefined);
    expect(waiting).toMatchObject({ summary: { state: "pending" }, embedding: { state: "pending" } });
    isS3Away = false;
    await asEngine(sql`update context set digest_at = now() - interval '1 second' where id = ${id}`);
    const made = await reach(id, ({ summary }) => summary.state === "done");
    expect(made).not.toHaveProperty("error");
  });

  it("that are no text, or another object by now, say that nothing can be made of them", async () => {
    await startWorker();
    const binary = await given(Buffer.from([0x61, 0xff, 0xfe]));
    expect(await reach(binary.id, ({ summary }) => summary.state === "failed")).toMatchObject({
      embedding: { state: "failed" },
      error: { code: "invalid_argument", message: "it is not valid UTF-8" },
    });
    await worker?.stop();
    worker = undefined;
    const changed = await given(incident);
    const other = (async function* () {
      yield Buffer.from("another text");
    })();
    await objects.put(contextKey({ tenantId, id: changed.id }), other, { mediaType: "a/b", maxBytes: 100 });
    await startWorker();
    expect(await reach(changed.id, ({ summary }) => summary.state === "failed")).toMatchObject({
      error: { code: "conflict" },
    });
  });

  it("that expire lose object, summary and documents, once S3 is there", async () => {
    await startWorker();
    const { id } = await given(incident);
    await reach(id, ({ embedding }) => embedding.state === "done");
    isS3Away = true;
    await asEngine(
      sql`update context set expires_at = now() - interval '1 second', sweep_at = now() - interval '1 second' where id = ${id}`,
    );
    await reach(id, ({ state, summary }) => state === "expired" && summary.text === undefined);
    expect(await objects.head(contextKey({ tenantId, id }))).toBeDefined();
    isS3Away = false;
    await asEngine(sql`update context set sweep_at = now() - interval '1 second' where id = ${id}`);
    const isGone = async (): Promise<boolean> => {
      worker?.nudge();
      return (await objects.head(contextKey({ tenantId, id }))) === undefined;
    };
    await waitFor(isGone, { what: "the object to be removed" });
    expect(await search("ledger migration")).toEqual([]);
    expect(await find(id)).toMatchObject({ state: "expired", name: "a" });
  });

  it("that were deleted or never completed leave nothing in S3", async () => {
    const deleted = await given(incident);
    const abandoned = await given(incident);
    await contextRepository(database).delete(tenantId, deleted.id);
    await asEngine(sql`
      update context set state = 'uploading', upload_until = now() - interval '1 second', sweep_at = now() - interval '1 second' where id = ${abandoned.id}`);
    await startWorker();
    for (const { id } of [deleted, abandoned]) {
      const isGone = async (): Promise<boolean> => (await objects.head(contextKey({ tenantId, id }))) === undefined;
      await waitFor(isGone, { what: "the object to be removed" });
    }
    expect(await find(abandoned.id)).toMatchObject({ state: "expired" });
  });
});
