import type { Collection, TenantId } from "@devmesh/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import { givenCollection, keyOf, newDocument, pointing } from "../test/collections.ts";
import { describeOnPostgres, givenTenant, newUuid, type OpenDatabase } from "../test/fixture.ts";
import { collectionRepository } from "./collections/collection-repository.ts";
import { documentRepository } from "./collections/document-repository.ts";
import { pendingRepository } from "./collections/pending-repository.ts";
import type { Database, Queryable } from "./database/database.ts";
import { type Sql, sql } from "./database/sql.ts";
import { searchRepository } from "./search/search-repository.ts";

describeOnPostgres(describePlans);

/** So many documents in the collection that is asked, and as many in another one. */
const documentCount = 3_000;

/** Notes the plan of every statement before it runs. */
function explaining(database: Database): Database & { readonly plans: string[] } {
  const plans: string[] = [];
  const note = async (tx: Queryable, statement: Sql): Promise<void> => {
    if (!/^\s*(select|with|insert|update|delete)/.test(statement.text)) return;
    const { rows } = await tx.query<{ "QUERY PLAN": string }>(sql`explain (costs off) ${statement}`);
    plans.push(rows.map((row) => row["QUERY PLAN"]).join("\n"));
  };
  const transaction: Database["transaction"] = (scope, work) =>
    database.transaction(scope, (tx) =>
      work({
        ...tx,
        now: tx.now,
        begun: tx.begun,
        query: async <Row>(statement: Sql) => {
          await note(tx, statement);
          return tx.query<Row>(statement);
        },
      }),
    );
  return {
    ...database,
    plans,
    transaction,
    queryAs: (scope, statement) => transaction(scope, (tx) => tx.query(statement)),
  };
}

function describePlans(open: OpenDatabase): void {
  let database: Database;
  let tenantId: TenantId;
  let collection: Collection;
  const stack = new AsyncDisposableStack();
  beforeAll(async () => {
    database = await open(stack);
    tenantId = await givenTenant(database);
    for (let index = 0; index < 2; index++) {
      collection = await givenCollection(database, tenantId);
      await fill(database, collection);
    }
  });
  afterAll(() => stack.disposeAsync());

  const plansOf = async (work: (database: Database) => Promise<unknown>): Promise<string> => {
    const noted = explaining(database);
    await work(noted);
    return noted.plans.join("\n");
  };
  const suffix = (): string => collection.id.replaceAll("-", "_");
  const asked = { limit: 5, explain: false, signal: AbortSignal.any([]), efSearch: undefined };

  // Neither statistics nor anybody who gathers them: as it is right after an import, and always on PGlite.
  test("near vectors are found by the collection's own index", async () => {
    const vector = pointing(1);
    const plan = await plansOf((one) =>
      searchRepository(one).byVector({ ...asked, collection, filter: undefined, vector }),
    );
    expect(plan).toContain(`Index Scan using near_${suffix()} on chunk_vector_${suffix()}`);
    expect(plan).not.toContain("Seq Scan");
  });

  test("among many that a filter leaves, too; among few without it, by the index of metadata", async () => {
    const vector = pointing(1);
    const near = (value: number) =>
      plansOf((one) => {
        const filter = { op: "eq", path: ["half"], value } as const;
        return searchRepository(one, { maxExact: 500, maxScanTuples: 20_000, maxWeighed: 100 }).byVector({
          ...asked,
          collection,
          filter,
          vector,
        });
      });
    expect(await near(1)).toContain(`Index Scan using near_${suffix()}`);
    const few = await near(7);
    expect(few).toMatch(/Bitmap Index Scan on document_[\w]+_metadata_idx/);
    expect(few).toMatch(/Index Scan (?:using|on) chunk_vector_[\w]+_document_id_idx/);
    expect(few).not.toContain("Seq Scan");
  });

  test("words are found by their index, and what holds them by its key", async () => {
    const plan = await plansOf((one) =>
      searchRepository(one).byText({ ...asked, collection, filter: undefined, query: "common rare17" }),
    );
    expect(plan).toMatch(/Bitmap Index Scan on chunk_[\w]+_words_idx/);
    expect(plan).toMatch(/Index Scan using chunk_[\w]+_pkey/);
  });

  test("lists, counts, look-ups, claims and writes read no whole table, and no other collection", async () => {
    const { plans, ...noted } = explaining(database);
    const key = keyOf(collection);
    const id = newUuid<never>();
    const waiting = [{ collectionId: collection.id, documentId: id, version: 1 }];
    const after = { at: new Date().toISOString(), id };
    await collectionRepository(noted).find(tenantId, collection.id);
    await documentRepository(noted).find(key, "7");
    await documentRepository(noted).list(key, { limit: 10, after });
    await documentRepository(noted).write(key, [newDocument("7", ["changed"]), newDocument("new", ["new"])]);
    await documentRepository(noted).delete(key, ["8", newUuid()]);
    await pendingRepository(noted).findChunks(tenantId, waiting, 10);
    await pendingRepository(noted).findContents(tenantId, waiting);
    await pendingRepository(noted).writeVectors(key, [{ chunkId: id, vector: pointing(0) }]);
    await pendingRepository(noted).setContexts(key, new Map([[id, "context"]]));
    await searchRepository(noted).load(tenantId, [{ ...key, chunkId: id, documentId: id, score: 1 }]);
    const wholeTables = plans.filter((plan) => /Seq Scan on (?:document|chunk)/.test(plan));
    expect(wholeTables).toEqual([]);
    const partitions = new Set(plans.join("\n").match(/(?<=(?:document|chunk)_)[0-9a-f]{8}_[0-9a-f]{4}/g));
    expect([...partitions]).toEqual([suffix().slice(0, 13)]);
    expect(await plansOf((one) => pendingRepository(one).claim(10, 1_000))).toContain("pending_document_due");
  });
}

async function fill(database: Database, { tenantId, id, dimensions }: Collection): Promise<void> {
  const places = sql`generate_series(1, ${documentCount}) as place`;
  const idOf = sql`md5(${id} || place)::uuid`;
  await database.transaction({ role: "devmesh_app", tenants: [tenantId] }, async (tx) => {
    await tx.query(sql`
      insert into document (tenant_id, collection_id, id, external_id, metadata, content_hash, chunk_count, content)
      select ${tenantId}, ${id}, ${idOf}, place::text, jsonb_build_object('half', case when place % 2 = 0 then 1 else place end),
        '', 1, 'text'
      from ${places}`);
    await tx.query(sql`
      insert into chunk (tenant_id, collection_id, document_id, id, ordinal, start_at, end_at, tokens, content, words)
      select ${tenantId}, ${id}, ${idOf}, ${idOf}, 0, 0, 1, 1, 'text', to_tsvector('english', 'common rare' || place % 1000)
      from ${places}`);
    await tx.query(sql`
      insert into chunk_vector (tenant_id, collection_id, document_id, chunk_id, half)
      select ${tenantId}, ${id}, ${idOf}, ${idOf}, (array[cos(place), sin(place)] || array_fill(0, array[${dimensions}::int - 2]))::halfvec
      from ${places}`);
  });
}
