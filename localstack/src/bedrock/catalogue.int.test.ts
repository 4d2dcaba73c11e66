import { type Bedrock, openBedrock } from "@devmesh/adapters";
import {
  createEmbedder,
  embedLocally,
  type ModelTransport,
  type RoutingEmbedder,
  type UsageLedger,
} from "@devmesh/embedding";
import { AppError, type Dimensions, type ModelUsage, type TenantId } from "@devmesh/models";
import { monotonicClock, sleep } from "@devmesh/runtime";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BedrockStandIn, startBedrockStandIn } from "./bedrock-stand-in.ts";
import { standInModels } from "./models/all-models.ts";

const tenantId = "018f0000-0000-7000-8000-000000000001" as TenantId;
const { signal } = new AbortController();

let standIn: BedrockStandIn;
let bedrock: Bedrock;
let spent: ModelUsage[] = [];

beforeAll(async () => {
  standIn = await startBedrockStandIn({ port: 0 });
  bedrock = openBedrock({ regions: ["us-east-1", "us-west-2"], endpoint: standIn.endpoint });
});
afterAll(async () => {
  await bedrock[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});
beforeEach(() => {
  standIn.faults.clear();
  standIn.calls.reset();
  spent = [];
});

const ledger: UsageLedger = {
  assertRoom: async () => undefined,
  record: async (_tenant, _kind, usages) => void spent.push(...usages),
};

/** With a cache of its own: nothing that another test has embedded is remembered. */
function newEmbedder(): RoutingEmbedder {
  // the compiler checks here that the adapter is what the domain asks for
  const transports: readonly ModelTransport[] = bedrock.transports;
  return createEmbedder({
    transports,
    caches: [],
    ledger,
    embedLocally,
    now: monotonicClock,
    random: Math.random,
    sleep,
  });
}

/** A hundred texts of 30 to 60 words, all different. */
const texts = Array.from({ length: 100 }, (_, at) =>
  Array.from({ length: 30 + (at % 31) }, (_, word) => `word${(at * 7 + word * 13) % 400}`).join(" "),
);

describe("every model of the catalogue", () => {
  const remote = newCatalogue().filter(({ provider }) => provider !== "local");
  const cases = remote.flatMap(({ id, dimensions }) => dimensions.map((size) => [id, size] as const));

  it("is one that the stand-in has", () => {
    expect(remote.map(({ id }) => id).toSorted()).toEqual([...standInModels.keys()].toSorted());
  });

  it.each(cases)(
    "%s embeds documents and queries in %i dimensions, and the tokens that are billed are recorded",
    async (model, dimensions) => {
      const embed = (purpose: "document" | "query") =>
        newEmbedder().embed({ tenantId, texts: texts.slice(0, 3), choice: { model, dimensions }, purpose, signal });
      const [documents, queries] = [await embed("document"), await embed("query")];
      for (const { vectors } of [documents, queries]) {
        expect(vectors.map((vector) => (vector instanceof AppError ? vector.message : vector.length))).toEqual([
          dimensions,
          dimensions,
          dimensions,
        ]);
      }
      const { tokens, refused } = standIn.calls.of(model);
      expect(refused).toBe(0);
      expect(tokens).toBeGreaterThan(0);
      expect(documents.usage.inputTokens + queries.usage.inputTokens).toBe(tokens);
      expect(spent.reduce((sum, { inputTokens }) => sum + inputTokens, 0)).toBe(tokens);
    },
  );

  it.each([
    ["cohere.embed-multilingual-v3", 2],
    ["cohere.embed-v4:0", 2],
    ["amazon.titan-embed-text-v2:0", 100],
  ])("%s embeds a hundred texts in %i calls", async (model, calls) => {
    const { vectors } = await newEmbedder().embed({ tenantId, texts, choice: { model }, purpose: "document", signal });
    expect(vectors.filter((vector) => vector instanceof AppError)).toEqual([]);
    expect(standIn.calls.of(model)).toMatchObject({ calls, answered: calls, texts: 100 });
  });

  it.each(remote.map(({ id }) => id))("%s refuses a text that is too long, and embeds the others", async (model) => {
    const asked = ["short", "a ".repeat(30_000), "also short"];
    const { vectors } = await newEmbedder().embed({
      tenantId,
      texts: asked,
      choice: { model },
      purpose: "document",
      signal,
    });
    // Cohere's version 4 takes so many
    const expected =
      model === "cohere.embed-v4:0" ? ["vector", "vector", "vector"] : ["vector", "invalid_argument", "vector"];
    expect(vectors.map((vector) => (vector instanceof AppError ? vector.code : "vector"))).toEqual(expected);
  });
});

describe("what goes wrong on the wire", () => {
  const model = "amazon.titan-embed-text-v2:0";
  const embed = (): Promise<unknown> =>
    newEmbedder().embed({ tenantId, texts: ["lanes"], choice: { model }, purpose: "document", signal });

  it.each([
    { kind: "throttle", times: 1 },
    { kind: "fail", times: 1 },
    { kind: "cut", times: 1 },
  ] as const)("is made good by another call: $kind", async (fault) => {
    standIn.faults.add({ ...fault, modelId: model });
    await expect(embed()).resolves.toMatchObject({ model });
    expect(standIn.calls.of(model)).toMatchObject({ faulted: 1, answered: 1 });
  });
});

function newCatalogue(): readonly { id: string; provider: string; dimensions: readonly Dimensions[] }[] {
  const parts = { transports: [], caches: [], ledger, embedLocally, now: monotonicClock, random: Math.random, sleep };
  return createEmbedder(parts).listModels();
}
