import { type BedrockOptions, openBedrock } from "@devmesh/adapters";
import { createEmbedder, type EmbedderDeps, type EmbedRequest, embedLocally } from "@devmesh/embedding";
import { AppError, type ModelUsage, parseId, type TenantId, type Vector } from "@devmesh/models";
import { monotonicClock, sleep } from "@devmesh/runtime";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type BedrockStandIn, startBedrockStandIn } from "./bedrock-stand-in.ts";
import type { Fault } from "./faults.ts";

const tenantId: TenantId = parseId("0198a000-0000-7000-8000-000000000001", "tenant");
const titan = "amazon.titan-embed-text-v2:0";
const cohere = "cohere.embed-v4:0";

let east: BedrockStandIn;
let west: BedrockStandIn;
let opened = new AsyncDisposableStack();
beforeAll(async () => {
  [east, west] = await Promise.all([startBedrockStandIn({ port: 0 }), startBedrockStandIn({ port: 0 })]);
});
afterAll(() => Promise.all([east[Symbol.asyncDispose](), west[Symbol.asyncDispose]()]));
beforeEach(() => {
  opened = new AsyncDisposableStack();
  for (const region of [east, west]) {
    region.faults.clear();
    region.calls.reset();
  }
});
afterEach(() => opened.disposeAsync());

/** An embedder of two regions over HTTP/2, and what it wrote to its ledger. */
function open(guards: Partial<BedrockOptions> = {}): {
  readonly embedder: ReturnType<typeof createEmbedder>;
  readonly recorded: ModelUsage[];
} {
  const regions: readonly (readonly [string, BedrockStandIn])[] = [
    ["us-east-1", east],
    ["eu-west-1", west],
  ];
  const transports = regions.flatMap(([region, { endpoint }]) => {
    const bedrock = opened.use(openBedrock({ regions: [region], endpoint, ...guards }));
    return bedrock.transports;
  });
  const recorded: ModelUsage[] = [];
  const deps: EmbedderDeps = {
    transports,
    caches: [],
    ledger: {
      assertRoom: async () => undefined,
      record: async (_tenant, _kind, usages) => void recorded.push(...usages),
    },
    embedLocally,
    now: monotonicClock,
    random: () => 0,
    sleep,
  };
  return { embedder: createEmbedder(deps), recorded };
}

function ask(texts: readonly string[], over: Partial<EmbedRequest> = {}): EmbedRequest {
  return {
    tenantId,
    texts,
    choice: { model: titan },
    purpose: "document",
    signal: AbortSignal.timeout(20_000),
    ...over,
  };
}

function cosine(a: unknown, b: unknown): number {
  if (!(a instanceof Float32Array && b instanceof Float32Array)) return expect.unreachable("no vectors");
  return a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
}

function errorsOf(vectors: readonly (Vector | AppError)[]): readonly (readonly [number, string])[] {
  return vectors.flatMap((one, at) => (one instanceof AppError ? [[at, one.code] as const] : []));
}

describe("every model of the catalogue", () => {
  const models = createEmbedder({
    transports: [],
    caches: [],
    ledger: { assertRoom: async () => undefined, record: async () => undefined },
    embedLocally,
    now: monotonicClock,
    random: () => 0,
    sleep,
  })
    .listModels()
    .filter((model) => model.provider !== "local");

  test.each(models.map((model) => model.id))(
    "%s gives vectors of unit length, near for texts that are alike",
    async (model) => {
      const { embedder, recorded } = open();
      const texts = ["how a lease ends", "how a lease of a task ends", "Füße und Äpfel — ☂"];
      const { vectors, usage } = await embedder.embed(ask(texts, { choice: { model } }));
      for (const vector of vectors) expect(cosine(vector, vector)).toBeCloseTo(1, 5);
      expect(cosine(vectors[0], vectors[1])).toBeGreaterThan(cosine(vectors[0], vectors[2]) + 0.2);
      expect(recorded).toEqual([usage]);
      expect(usage.costMicroUsd).toBeGreaterThan(0);
    },
  );

  test.each(models.map((model) => model.id))(
    "%s takes its longest text, and refuses a longer one by itself",
    async (model) => {
      const { embedder } = open();
      const { limits } = models.find(({ id }) => id === model) ?? expect.unreachable();
      // Letters without a word's end are few tokens: what is too long here is too long in characters.
      const longest = "x".repeat(limits.maxCharacters);
      const { vectors } = await embedder.embed(ask(["fox", `${longest}x`, longest], { choice: { model } }));
      expect(errorsOf(vectors)[0]).toEqual([1, "invalid_argument"]);
      expect(vectors[0]).toBeInstanceOf(Float32Array);
      expect(east.calls.of(model).refused).toBeLessThanOrEqual(2);
    },
  );
});

describe("batches", () => {
  test("of Cohere are of 96 texts, in order", async () => {
    const { embedder } = open();
    const texts = Array.from({ length: 200 }, (_, at) => `lane number ${at}`);
    const choice = { model: cohere, dimensions: 256 } as const;
    const { vectors } = await embedder.embed(ask(texts, { choice }));
    expect(east.calls.of(cohere)).toMatchObject({ calls: 3, texts: 200, answered: 3 });
    const [alone] = (await open().embedder.embed(ask([texts[150] ?? ""], { choice }))).vectors;
    expect(cosine(alone, vectors[150])).toBeCloseTo(1, 5);
  });

  test("of Titan are single texts, at most 16 under way", async () => {
    const { embedder } = open();
    await embedder.embed(ask(Array.from({ length: 100 }, (_, at) => `lane number ${at}`)));
    expect(east.calls.of(titan)).toMatchObject({ calls: 100, answered: 100 });
    expect(east.calls.of(titan).maxInFlight).toBeLessThanOrEqual(16);
  });

  test("hold a text that Cohere's version 3 reads the beginning of", async () => {
    const choice = { model: "cohere.embed-english-v3" };
    const { vectors } = await open().embedder.embed(ask(["a 1 ".repeat(500), "fox"], { choice }));
    expect(errorsOf(vectors)).toEqual([]);
  });

  test("with one text of too many tokens lose that one alone", async () => {
    const { embedder, recorded } = open();
    const texts = Array.from({ length: 96 }, (_, at) => (at === 70 ? "a ".repeat(140_000) : `lane number ${at}`));
    const { vectors, usage } = await embedder.embed(ask(texts, { choice: { model: cohere } }));
    expect(errorsOf(vectors)).toEqual([[70, "invalid_argument"]]);
    expect(String(vectors[70])).toContain("texts[70]: ");
    expect(east.calls.of(cohere).calls).toBeLessThanOrEqual(15);
    expect(recorded).toEqual([usage]);
  });
});

describe("what goes wrong in one region", () => {
  test("by throttling is waited for there", async () => {
    east.faults.add({ kind: "throttle", times: 2 });
    const { vectors } = await open().embedder.embed(ask(["fox"]));
    expect(errorsOf(vectors)).toEqual([]);
    expect(east.calls.of(titan)).toMatchObject({ calls: 3, faulted: 2, answered: 1 });
    expect(west.calls.of(titan).calls).toBe(0);
  });

  test("by throttling for long goes to the other, and slows the bucket", async () => {
    east.faults.add({ kind: "throttle", retryAfterMs: 60_000 });
    const { embedder } = open();
    await embedder.embed(ask(["fox"]));
    await embedder.embed(ask(["owl"]));
    expect([east.calls.of(titan).calls, west.calls.of(titan).answered]).toEqual([1, 2]);
    expect(embedder.headroom(titan)).toEqual({ retryAfterMs: 0 });
  });

  const faults: readonly Fault[] = [
    { kind: "fail" },
    { kind: "fail", error: "InternalServerException" },
    { kind: "fail", error: "ModelNotReadyException" },
    { kind: "fail", error: "AccessDeniedException" },
    { kind: "fail", error: "ResourceNotFoundException" },
    { kind: "cut" },
    { kind: "stall", ms: 60_000 },
  ];
  test.each(faults)("goes to the other: %j", async (fault) => {
    east.faults.add(fault);
    const { vectors } = await open({ invokeLimitMs: 2_000 }).embedder.embed(ask(["fox"]));
    expect(errorsOf(vectors)).toEqual([]);
    expect([east.calls.of(titan).calls, west.calls.of(titan).answered]).toEqual([1, 1]);
  });

  test("keeps calls away from it once its breaker is open", async () => {
    east.faults.add({ kind: "fail" });
    const { embedder } = open({ breaker: { minCalls: 3, errorPercent: 50, resetMs: 60_000 } });
    for (let at = 0; at < 8; at++) await embedder.embed(ask([`fox ${at}`]));
    expect(east.calls.of(titan).calls).toBeLessThan(6);
    expect(west.calls.of(titan).answered).toBe(8);
  });
});

describe("what goes wrong in both regions", () => {
  beforeEach(() => {
    for (const region of [east, west]) region.faults.add({ kind: "fail", modelId: titan });
  });

  test("fails a named model, and no other is called", async () => {
    const { embedder, recorded } = open();
    await expect(embedder.embed(ask(["fox"]))).rejects.toMatchObject({ code: "unavailable" });
    const called = [east, west].flatMap(({ calls }) =>
      Object.entries(calls.all()).filter(([, { calls }]) => calls > 0),
    );
    expect(new Set(called.map(([id]) => id))).toEqual(new Set([titan]));
    expect([east.calls.of(titan).calls, west.calls.of(titan).calls]).toEqual([3, 3]);
    expect(recorded).toEqual([]);
  });

  test("lets a strategy's next model take over, in the dimensions that were asked for", async () => {
    const choice = { strategy: "balanced", dimensions: 512 } as const;
    const outcome = await open().embedder.embed(ask(["fox", "owl"], { choice }));
    expect(outcome).toMatchObject({ model: cohere, dimensions: 512, usage: { model: cohere } });
    expect(errorsOf(outcome.vectors)).toEqual([]);
    expect(east.calls.of(cohere)).toMatchObject({ calls: 1, texts: 2 });
  });
});
