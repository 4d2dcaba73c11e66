import { AppError, type Collection, type Dimensions, type TenantId } from "@devmesh/models";
import { expect, test } from "vitest";
import type { ModelChoice } from "../embedder/embedder.ts";
import { type CreateCollectionDeps, createCollection } from "./create-collection.ts";

const tenantId = "019ad9b5-6c00-7000-8000-0000000000aa" as TenantId;

/** Two models: one of 256 or 512 dimensions, which strategies choose, and one of 3,072. */
function resolve(choice: ModelChoice): { model: string; dimensions: Dimensions } {
  if ("strategy" in choice) return { model: "small", dimensions: choice.dimensions ?? 512 };
  if (choice.model === "cohere.embed-english-v3") return { model: choice.model, dimensions: 1_024 };
  if (choice.model === "large") return { model: "large", dimensions: 3_072 };
  throw new AppError("invalid_argument", `no model ${choice.model}`);
}

function given(canWriteContexts = true, defaultStorage?: "vector") {
  const created: { readonly collection: Omit<Collection, "createdAt">; readonly options: unknown }[] = [];
  const deps: CreateCollectionDeps = {
    canWriteContexts,
    defaultStorage,
    newId: () => "019ad9b5-6c00-7000-8000-0000000000bb",
    embedder: { resolve },
    collections: {
      async create(collection, options) {
        created.push({ collection, options });
        return { made: { ...collection, createdAt: new Date(0) }, isReplay: false };
      },
    },
  };
  const create = (body: unknown) => createCollection(deps, { tenantId, body, key: undefined });
  return { create, created };
}

test("needs a name alone, and keeps the model that the strategy means now", async () => {
  const { create, created } = given();
  const { made } = await create({ name: "docs" });
  expect(made).toMatchObject({
    tenantId,
    kind: "user",
    name: "docs",
    model: "small",
    dimensions: 512,
    distance: "cosine",
    storage: "halfvec",
    context: "none",
    language: "english",
  });
  expect(created[0]?.options).toEqual({ max: 200, key: undefined });
});

test("takes a model by its name, and the dimensions that are asked for", async () => {
  const { create } = given();
  expect((await create({ name: "a", model: "large" })).made).toMatchObject({ model: "large", dimensions: 3_072 });
  expect((await create({ name: "a", model: "speed", dimensions: 256 })).made).toMatchObject({ dimensions: 256 });
});

test("is kept as the database prefers, unless something is said or the dimensions are too many", async () => {
  const { create } = given(true, "vector");
  expect((await create({ name: "a" })).made.storage).toBe("vector");
  expect((await create({ name: "a", storage: "halfvec" })).made.storage).toBe("halfvec");
  expect((await create({ name: "a", model: "large" })).made.storage).toBe("halfvec");
});

test.each([
  [{}, "name"],
  [{ name: "a b" }, "name"],
  [{ name: "019AD9B5-6c00-7000-8000-0000000000bb" }, "name"],
  [{ name: "a", modle: "speed" }, "modle"],
  [{ name: "a", dimensions: 300 }, "dimensions"],
  [{ name: "a", dimensions: Number.NaN }, "dimensions"],
  [{ name: "a", hnsw: { m: 32, efConstruction: 40 } }, "hnsw.efConstruction"],
  [{ name: "a", chunking: { maxTokens: 100, overlapTokens: 60 } }, "chunking.overlapTokens"],
  [{ name: "a", model: "cohere.embed-english-v3", chunking: { maxTokens: 513 } }, "reads 512 tokens"],
  [{ name: "a", model: "large", storage: "vector" }, "3072 dimensions: an index of vector takes 2000"],
  [{ name: "a", model: "nonsense" }, "no model nonsense"],
])("%j is refused", async (body, named) => {
  const { create, created } = given();
  await expect(create(body)).rejects.toMatchObject({ code: "invalid_argument" });
  await expect(create(body)).rejects.toMatchObject({ message: expect.stringContaining(named) });
  expect(created).toEqual([]);
});

test("contexts by Claude need a Claude", async () => {
  await expect(given(false).create({ name: "a", context: "claude" })).rejects.toMatchObject({
    code: "failed_precondition",
    reason: "no_claude",
  });
  expect((await given(true).create({ name: "a", context: "claude" })).made).toMatchObject({ context: "claude" });
});
