import { createHash, randomUUID } from "node:crypto";
import { embedLocally } from "@devmesh/embedding";
import type { ChunkId, Collection, DocumentId, DocumentWrite, TenantId } from "@devmesh/models";
import {
  collectionRepository,
  type Database,
  documentRepository,
  keyRepository,
  migrate,
  openPostgres,
  pendingRepository,
  postgresEmbeddingCache,
  searchRepository,
} from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { startServices } from "@devmesh/testing";
import { median, percentile, printTable, rounded } from "../figures.ts";

/** As many words as a chunk of 200 tokens, of 20,000, the n-th of which is n^-1 as frequent as the first. */
const wordsPerText = 150;
const vocabulary = 20_000;

/**
 * What the store alone does, on one connection: documents of one chunk a second until they are found by text, vectors of
 * 1,024 numbers a second into the index, searches by text with rare and with common words, and vectors out of the cache.
 */
export async function benchWrites(rows: number): Promise<void> {
  await using services = await startServices({ fsync: true });
  await using database = openPostgres({ url: services.databaseUrl, maxConnections: 1, statementTimeoutMs: 600_000 });
  await migrate(database);
  const tenantId = randomUUID() as TenantId;
  await keyRepository(database).createTenant({ id: tenantId, name: "benchmark" });
  const { made: collection } = await collectionRepository(database).create(
    {
      tenantId,
      id: createUuidV7()() as Collection["id"],
      kind: "user",
      name: "writes",
      description: undefined,
      model: "local.feature-hashing-v1",
      dimensions: 1024,
      distance: "cosine",
      storage: "halfvec",
      hnsw: { m: 16, efConstruction: 64, efSearch: 100 },
      chunking: { mode: "auto", maxTokens: 400, overlapTokens: 40 },
      context: "none",
      language: "english",
    },
    { max: 10 },
  );
  const report = [
    ...(await measureWrites(database, collection, rows)),
    ...(await measureText(database, collection)),
    ...(await measureVectors(database, collection)),
    ...(await measureCache(database)),
  ];
  printTable(`the store alone, one connection, ${rounded(rows)} documents of one chunk`, ["", ""], report);
}

type Rows = readonly (readonly [string, string])[];

async function measureWrites(database: Database, { tenantId, id }: Collection, rows: number): Promise<Rows> {
  const newId = createUuidV7();
  const documents = Array.from({ length: rows }, (_, index) => toDocument(newId, index));
  const store = documentRepository(database);
  const times: number[] = [];
  const started = performance.now();
  for (let from = 0; from < rows; from += 500) {
    const at = performance.now();
    await store.write({ tenantId, collectionId: id }, documents.slice(from, from + 500));
    times.push(performance.now() - at);
  }
  const perSecond = (rows / (performance.now() - started)) * 1_000;
  const again = performance.now();
  await store.write({ tenantId, collectionId: id }, documents.slice(0, 500));
  return [
    ["documents/s written, found by text (batches of 500)", rounded(perSecond)],
    ["a batch: p50, p95 in ms", `${rounded(median(times))}, ${rounded(percentile(times, 0.95))}`],
    ["500 unchanged ones, in ms", rounded(performance.now() - again, 1)],
  ];
}

function toDocument(newId: () => string, index: number): DocumentWrite {
  const content = textOf(index);
  const chunk = { ordinal: 0, content, start: 0, end: content.length, heading: undefined, tokens: 200 };
  return {
    id: newId() as DocumentId,
    externalId: `document-${index}`,
    content,
    contentHash: createHash("sha256").update(content).digest("hex"),
    mediaType: "text/plain",
    metadata: { group: index % 100, even: index % 2 === 0 },
    chunks: [{ ...chunk, id: newId() as ChunkId }],
  };
}

/** Words by a number, always the same: the more frequent the lower theirs. */
function textOf(index: number): string {
  let state = index + 1;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
  const words = Array.from({ length: wordsPerText }, () => `word${Math.floor(vocabulary ** next())}`);
  return words.join(" ");
}

async function measureText(database: Database, collection: Collection): Promise<Rows> {
  const queries = {
    "three rare words": "word15000 word16001 word17002",
    "a question of rare and common words": "what does word3 say of word150 and word4000 in word1",
    "three words that most chunks have": "word1 word2 word3",
  };
  const rows: (readonly [string, string])[] = [];
  for (const [name, query] of Object.entries(queries)) {
    const times: number[] = [];
    for (let round = 0; round < 30; round++) {
      const at = performance.now();
      const { signal } = new AbortController();
      await searchRepository(database).byText({
        collection,
        filter: undefined,
        limit: 10,
        explain: false,
        signal,
        query,
      });
      times.push(performance.now() - at);
    }
    rows.push([
      `by text, ${name}: p50, p95 in ms`,
      `${rounded(median(times), 1)}, ${rounded(percentile(times, 0.95), 1)}`,
    ]);
  }
  return rows;
}

/** 1,000 documents, whose vectors are there already: only the writing counts. */
async function measureVectors(database: Database, { tenantId, id }: Collection): Promise<Rows> {
  const pending = pendingRepository(database);
  const claimed = await pending.claim(1_000, 60_000);
  const chunks = await pending.findChunks(tenantId, claimed, 1_000);
  const vectors = embedLocally(
    chunks.map(({ content }) => content),
    1024,
  );
  const written = chunks.map((chunk, index) => ({
    chunkId: chunk.id,
    vector: vectors[index] ?? new Float32Array(1_024),
  }));
  const started = performance.now();
  for (let from = 0; from < written.length; from += 100) {
    await pending.writeVectors({ tenantId, collectionId: id }, written.slice(from, from + 100));
  }
  const perSecond = (written.length / (performance.now() - started)) * 1_000;
  return [["vectors/s into an index of 1,024 dimensions (batches of 100)", rounded(perSecond)]];
}

async function measureCache(database: Database): Promise<Rows> {
  const cache = postgresEmbeddingCache(database);
  const keys = Array.from({ length: 10_000 }, (_, index) => createHash("sha256").update(`${index}`).digest("hex"));
  for (let from = 0; from < keys.length; from += 500) {
    await cache.setMany(new Map(keys.slice(from, from + 500).map((key) => [key, new Float32Array(1_024).fill(0.5)])));
  }
  const times: number[] = [];
  for (const key of keys.slice(0, 1_000)) {
    const at = performance.now();
    await cache.getMany([key]);
    times.push(performance.now() - at);
  }
  return [
    [
      "a vector out of Postgres' cache of 10,000: p50, p95 in ms",
      `${rounded(median(times), 2)}, ${rounded(percentile(times, 0.95), 2)}`,
    ],
  ];
}
