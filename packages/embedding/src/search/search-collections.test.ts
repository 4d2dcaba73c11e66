import {
  AppError,
  type ChunkId,
  type Collection,
  type CollectionId,
  chunkingSchema,
  type DocumentId,
  type FoundChunk,
  hnswSchema,
  searchRequestSchema,
  type TenantId,
} from "@devmesh/models";
import { expect, test } from "vitest";
import type { EmbedRequest } from "../embedder/embedder.ts";
import type { MethodRequest } from "../ports/search-store.ts";
import type { SearchDeps, SearchTerms } from "./run-methods.ts";
import { type SearchAnswer, searchCollections } from "./search-collections.ts";

const tenantId = "019ad9b5-6c00-7000-8000-0000000000aa" as TenantId;
const signal = new AbortController().signal;

const collectionOf = (name: string, other: Partial<Collection> = {}): Collection => ({
  tenantId,
  id: `id-of-${name}` as CollectionId,
  kind: "user",
  name,
  description: undefined,
  model: "local.feature-hashing-v1",
  dimensions: 256,
  distance: "cosine",
  storage: "halfvec",
  hnsw: hnswSchema.parse({}),
  chunking: chunkingSchema.parse({}),
  context: "none",
  language: "english",
  createdAt: new Date(0),
  ...other,
});
const docs = collectionOf("docs");
const notes = collectionOf("notes");

/** What a method finds, by collection: chunk ids with the method's own score. */
type Given = Readonly<Record<string, readonly (readonly [id: string, score: number])[]>>;

interface Fakes {
  readonly vector?: Given;
  readonly text?: Given;
  readonly embed?: (request: EmbedRequest) => Promise<Float32Array | AppError>;
  readonly vectors?: Readonly<Record<string, readonly number[]>>;
  readonly isCached?: boolean;
  readonly gone?: readonly string[];
  readonly newEmbedTimeout?: () => AbortSignal;
}

function fakes({ vector = {}, text = {}, ...fake }: Fakes) {
  const embedded: EmbedRequest[] = [];
  const asked: MethodRequest[] = [];
  const answer = (method: "vector" | "text", given: Given, request: MethodRequest) => {
    asked.push(request);
    const { id: collectionId, name } = request.collection;
    const found = (given[name] ?? []).slice(0, request.limit).map(
      ([id, score]): FoundChunk => ({
        collectionId,
        chunkId: id as ChunkId,
        documentId: `document-of-${id}` as DocumentId,
        score,
      }),
    );
    return { found, step: { collectionId, method, strategy: "fake", found: found.length, tookMs: 1 } };
  };
  let ms = 0;
  const deps: SearchDeps = {
    now: () => {
      ms += 1;
      return ms;
    },
    newEmbedTimeout: fake.newEmbedTimeout ?? (() => new AbortController().signal),
    embedder: {
      async embed(request) {
        embedded.push(request);
        const one = (await fake.embed?.(request)) ?? Float32Array.from([1, 0]);
        const usage = { model: "m", inputTokens: 1, outputTokens: 0, costMicroUsd: 0 };
        return { model: "m", dimensions: 256, vectors: [one], usage, reused: fake.isCached === true ? 1 : 0 };
      },
    },
    searches: {
      byVector: async (request) => answer("vector", vector, request),
      byText: async (request) => answer("text", text, request),
      load: async (_tenant, chunks) =>
        new Map(
          chunks
            .filter(({ chunkId }) => fake.gone?.includes(chunkId) !== true)
            .map(({ score: _, ...chunk }) => [
              chunk.chunkId,
              { ...chunk, externalId: "e", content: "c", position: { ordinal: 0, start: 0, end: 1 }, metadata: {} },
            ]),
        ),
      vectors: async (_collection, ids) =>
        new Map(ids.flatMap((id) => (fake.vectors?.[id] ? [[id, Float32Array.from(fake.vectors[id])]] : []))),
    },
  };
  return { deps, embedded, asked };
}

async function search(
  deps: SearchDeps,
  terms: Partial<SearchTerms> = {},
  collections: readonly Collection[] = [docs],
): Promise<SearchAnswer> {
  const asked = { collections: ["docs"], query: "how do tasks travel" };
  const { filter: _filter, collections: _names, ...parsed } = searchRequestSchema.parse(asked);
  return searchCollections(deps, { tenantId, collections, request: { ...parsed, ...terms }, signal });
}

const idsOf = ({ hits }: SearchAnswer): readonly string[] => hits.map(({ chunkId }) => chunkId);

test("a hybrid search fuses both orders, that of the local model's vectors counting less, and tells each hit's ranks", async () => {
  const { deps, embedded } = fakes({
    vector: {
      docs: [
        ["a", 0.9],
        ["b", 0.8],
      ],
    },
    text: {
      docs: [
        ["b", 7],
        ["c", 3],
      ],
    },
  });
  const answer = await search(deps);
  expect(idsOf(answer)).toEqual(["b", "c", "a"]);
  expect(answer.hits[0]?.ranks).toEqual({ vector: { rank: 2, score: 0.8 }, text: { rank: 1, score: 7 } });
  expect(answer.hits[2]?.ranks).toEqual({ vector: { rank: 1, score: 0.9 } });
  expect(answer).toMatchObject({ mode: "hybrid", degraded: undefined, explain: undefined });
  expect(embedded).toHaveLength(1);
  expect(embedded[0]).toMatchObject({
    tenantId,
    texts: ["how do tasks travel"],
    purpose: "query",
    choice: { model: docs.model, dimensions: 256 },
  });
});

test("by vector the score is the similarity from 0 to 1, by text a part of the best hit's", async () => {
  const { deps, embedded } = fakes({
    vector: {
      docs: [
        ["a", 1.2],
        ["b", 0.5],
        ["c", -0.3],
      ],
    },
    text: {
      docs: [
        ["a", 8],
        ["b", 2],
      ],
    },
  });
  expect((await search(deps, { mode: "vector" })).hits.map(({ score }) => score)).toEqual([1, 0.5, 0]);
  expect((await search(deps, { mode: "vector", minScore: 0.5 })).hits).toHaveLength(2);
  expect(embedded).toHaveLength(2);
  expect((await search(deps, { mode: "text" })).hits.map(({ score }) => score)).toEqual([1, 0.25]);
  expect(embedded).toHaveLength(2);
});

test("several collections are one order, and the query is embedded once", async () => {
  const { deps, embedded } = fakes({
    vector: {
      docs: [
        ["a", 0.9],
        ["c", 0.1],
      ],
      notes: [["b", 0.5]],
    },
  });
  expect(idsOf(await search(deps, { mode: "vector", limit: 2 }, [docs, notes]))).toEqual(["a", "b"]);
  expect(embedded).toHaveLength(1);
});

test.each([
  ["model", { model: "amazon.titan-embed-text-v2:0" }],
  ["dimensions", { dimensions: 512 }],
  ["distance", { distance: "l2" }],
] as const)("collections of another %s are refused by name, but for a search by words", async (_what, other) => {
  const { deps } = fakes({ text: { docs: [["a", 1]] } });
  const mixed = [docs, collectionOf("strange", other)];
  for (const mode of ["hybrid", "vector"] as const) {
    await expect(search(deps, { mode }, mixed)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/docs.*strange/),
    });
  }
  await expect(search(deps, { mode: "text", diversity: 0.5 }, mixed)).rejects.toMatchObject({
    code: "invalid_argument",
  });
  expect(idsOf(await search(deps, { mode: "text" }, mixed))).toEqual(["a"]);
});

test.each(["unavailable", "resource_exhausted", "deadline_exceeded"] as const)(
  "where the model is %s, a hybrid search goes on by text and says so, and one by vector fails",
  async (code) => {
    const embed = async (): Promise<never> => {
      throw new AppError(code, "the breaker is open", { reason: "breaker_open" });
    };
    const { deps } = fakes({
      embed,
      text: {
        docs: [
          ["a", 4],
          ["b", 2],
        ],
      },
    });
    const answer = await search(deps, { explain: true });
    expect(answer.hits.map(({ score }) => score)).toEqual([1, 0.5]);
    expect(answer).toMatchObject({ mode: "text", degraded: { code, reason: "breaker_open" } });
    expect(answer.explain).toMatchObject({ mode: "text", steps: [{ method: "text" }] });
    await expect(search(deps, { mode: "vector" })).rejects.toMatchObject({ code });
    expect((await search(deps, { mode: "text" })).degraded).toBeUndefined();
  },
);

test("a query that the model refuses is refused, in a hybrid search too", async () => {
  const embed = async (): Promise<AppError> => new AppError("invalid_argument", "texts[0] has 9 characters");
  const { deps } = fakes({ embed, text: { docs: [["a", 4]] } });
  await expect(search(deps)).rejects.toMatchObject({ code: "invalid_argument", message: "query: has 9 characters" });
});

test("a model that does not answer in time counts as unavailable", async () => {
  const embed = (request: EmbedRequest): Promise<never> =>
    new Promise((_, reject) => {
      const fail = (): void => reject(new AppError("cancelled", "stopped"));
      if (request.signal.aborted) fail();
      request.signal.addEventListener("abort", fail);
    });
  const { deps } = fakes({ embed, text: { docs: [["a", 4]] }, newEmbedTimeout: () => AbortSignal.abort() });
  expect((await search(deps)).degraded).toMatchObject({ code: "unavailable", reason: "model_timeout" });
  await expect(search(deps, { mode: "vector" })).rejects.toMatchObject({ code: "unavailable" });
});

test("what fails in the store is never taken for an outage of the model", async () => {
  const { deps } = fakes({ text: { docs: [["a", 4]] } });
  const failing: SearchDeps = {
    ...deps,
    searches: {
      ...deps.searches,
      byVector: async () => {
        throw new AppError("unavailable", "the database is away");
      },
    },
  };
  await expect(search(failing)).rejects.toMatchObject({ message: "the database is away" });
});

test("diversity picks something else than a copy, by vectors", async () => {
  const { deps } = fakes({
    vector: {
      docs: [
        ["a", 0.9],
        ["copy", 0.89],
        ["b", 0.7],
      ],
    },
    vectors: { a: [1, 0], copy: [1, 0], b: [0, 1] },
  });
  expect(idsOf(await search(deps, { mode: "vector", limit: 2, diversity: 0.5 }))).toEqual(["a", "b"]);
  expect(idsOf(await search(deps, { mode: "vector", limit: 2 }))).toEqual(["a", "copy"]);
});

test("methods look further than what is shown where something is chosen from it", async () => {
  const { deps, asked } = fakes({});
  await search(deps, { limit: 10 });
  await search(deps, { limit: 100 });
  await search(deps, { mode: "text", limit: 7 });
  expect(asked.map(({ limit }) => limit)).toEqual([50, 50, 300, 300, 7]);
});

test("a chunk that is gone by now is left out", async () => {
  const { deps } = fakes({
    text: {
      docs: [
        ["a", 4],
        ["b", 2],
      ],
    },
    gone: ["a"],
  });
  expect(idsOf(await search(deps, { mode: "text" }))).toEqual(["b"]);
});

test("explain tells the steps, the times, the fusion, and whether a cache had the query's vector", async () => {
  const { deps } = fakes({
    vector: { docs: [["a", 0.9]] },
    text: {
      docs: [
        ["a", 1],
        ["b", 1],
      ],
    },
    isCached: true,
  });
  const { explain, tookMs } = await search(deps, { explain: true, limit: 1 });
  expect(explain).toMatchObject({
    mode: "hybrid",
    models: [docs.model],
    query: { dimensions: 2, isFromCache: true },
    fusion: { k: 10, weights: { vector: 0.3, text: 1 } },
    candidates: 2,
    steps: [
      { method: "vector", found: 1 },
      { method: "text", found: 2 },
    ],
  });
  expect(Object.keys(explain?.timingsMs ?? {}).sort()).toEqual(["embed", "fuse", "load", "text", "total", "vector"]);
  expect(explain?.timingsMs.total).toBe(tookMs);
});
