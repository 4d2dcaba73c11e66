import { AppError, type ModelUsage } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import {
  ask,
  cohere,
  fakeCache,
  fakeTransport,
  makeDeps,
  tenantId,
  titan,
  unavailable,
  vectorOf,
} from "../../test/_fake-models.ts";
import { createEmbedder, type EmbedderDeps } from "./create-embedder.ts";

function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `fox ${at}`);
}

/** A ledger that remembers. */
function makeLedger(): EmbedderDeps["ledger"] & { readonly recorded: ModelUsage[] } {
  const recorded: ModelUsage[] = [];
  return {
    recorded,
    assertRoom: async () => undefined,
    record: async (payer, kind, usages) => {
      expect([payer, kind]).toEqual([tenantId, "embed"]);
      recorded.push(...usages);
    },
  };
}

describe("batches", () => {
  test("of Cohere are of 96 texts", async () => {
    const transport = fakeTransport("us-east-1");
    const texts = numbered(200);
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const { vectors } = await embedder.embed(ask(texts, { choice: { model: cohere, dimensions: 256 } }));
    expect(transport.calls.map((call) => call.texts.length)).toEqual([96, 96, 8]);
    expect(vectors).toEqual(texts.map((text) => vectorOf(text, 256)));
  });

  test("are cut by their characters too, in order", async () => {
    const transport = fakeTransport("us-east-1");
    const quota = { requestsPerMinute: 6_000, tokensPerMinute: 6_000_000 };
    const embedder = createEmbedder(makeDeps({ transports: [transport], quota }));
    const texts = [150_000, 250_000, 1, 500_000, 10, 399_990].map((length, at) => `${at}`.padEnd(length, "x"));
    const { vectors } = await embedder.embed(ask(texts, { choice: { model: cohere, dimensions: 256 } }));
    const sent = transport.calls.map((call) => call.texts.map((text) => text.length));
    expect(sent.toSorted((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0))).toEqual([
      [10, 399_990],
      [150_000, 250_000],
      [1],
      [500_000],
    ]);
    expect(vectors).toEqual(texts.map((text) => vectorOf(text, 256)));
  });

  test("of Titan are single texts, 16 at a time, over all requests 16 too", async () => {
    let [running, most] = [0, 0];
    const transport = fakeTransport("us-east-1", async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    });
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const choice = { model: titan, dimensions: 256 } as const;
    await Promise.all([
      embedder.embed(ask(numbered(60), { choice })),
      embedder.embed(ask(numbered(120).slice(60), { choice })),
    ]);
    expect([transport.calls.length, most]).toEqual([120, 16]);
  });

  test("of all models together are at most 32 at a time", async () => {
    let [running, most] = [0, 0];
    const transport = fakeTransport("us-east-1", async () => {
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
    });
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const models = [titan, "amazon.titan-embed-text-v1", "amazon.nova-2-multimodal-embeddings-v1:0"];
    await Promise.all(models.map((model) => embedder.embed(ask(numbered(60), { choice: { model } }))));
    expect([transport.calls.length, most]).toEqual([180, 32]);
  });

  test("hold no text that is too long: it is named, and the others go", async () => {
    const transport = fakeTransport("us-east-1");
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const texts = ["fox", "x".repeat(2_048), "x".repeat(2_049)];
    const { vectors } = await embedder.embed(ask(texts, { choice: { model: "cohere.embed-english-v3" } }));
    expect(transport.calls.map((call) => call.texts.length)).toEqual([2]);
    expect(vectors[2]).toMatchObject({
      code: "invalid_argument",
      message: "texts[2] has 2049 characters, cohere.embed-english-v3 takes at most 2048",
    });
  });

  test("that are refused are halved until the bad text is alone", async () => {
    const transport = fakeTransport("us-east-1", ({ texts }) => {
      if (texts.includes("fox 70")) throw new AppError("invalid_argument", "too many tokens");
    });
    const ledger = makeLedger();
    const embedder = createEmbedder(makeDeps({ transports: [transport], ledger }));
    const { vectors, usage } = await embedder.embed(ask(numbered(96), { choice: { model: cohere, dimensions: 256 } }));
    const bad = vectors.flatMap((vector, at) => (vector instanceof AppError ? [[at, vector.message]] : []));
    expect(bad).toEqual([[70, "texts[70]: too many tokens"]]);
    expect(transport.calls.length).toBeLessThanOrEqual(15);
    expect(ledger.recorded).toEqual([usage]);
  });

  test("that are refused whatever is in them are given up", async () => {
    const transport = fakeTransport("us-east-1", () => Promise.reject(new AppError("invalid_argument", "no")));
    const embedder = createEmbedder(makeDeps({ transports: [transport] }));
    const { vectors } = await embedder.embed(ask(numbered(96), { choice: { model: cohere } }));
    expect(vectors.every((vector) => vector instanceof AppError && vector.code === "invalid_argument")).toBe(true);
    expect(transport.calls.length).toBeLessThan(40);
  });
});

describe("what was paid for", () => {
  const texts = numbered(40);
  const choice = { model: titan, dimensions: 256 } as const;

  /** A region that is gone after 20 calls. */
  function dyingTransport(): ReturnType<typeof fakeTransport> {
    let left = 20;
    return fakeTransport("us-east-1", () => (left-- > 0 ? undefined : Promise.reject(unavailable("breaker_open"))));
  }

  test("is recorded and cached though the rest failed, and not paid again", async () => {
    const ledger = makeLedger();
    const redis = fakeCache("redis");
    const dying = createEmbedder(makeDeps({ transports: [dyingTransport()], caches: [redis], ledger }));
    await expect(dying.embed(ask(texts, { choice }))).rejects.toMatchObject({ reason: "breaker_open" });
    expect(ledger.recorded).toEqual([{ model: titan, inputTokens: 200, outputTokens: 0, costMicroUsd: 4 }]);
    expect(redis.entries.size).toBe(20);
    const alive = createEmbedder(makeDeps({ transports: [fakeTransport("us-east-1")], caches: [redis], ledger }));
    expect(await alive.embed(ask(texts, { choice }))).toMatchObject({ reused: 20, usage: { inputTokens: 200 } });
  });

  test("is counted by the service where it says, else by estimate", async () => {
    const counted = { ...fakeTransport("us-east-1"), region: "us-east-1" };
    const { invoke } = counted;
    const telling = {
      ...counted,
      invoke: async (...args: Parameters<typeof invoke>) => ({ ...(await invoke(...args)), inputTokens: 1_234 }),
    };
    const cohereChoice = { choice: { model: cohere } };
    const told = await createEmbedder(makeDeps({ transports: [telling] })).embed(ask(["fox"], cohereChoice));
    expect(told.usage).toMatchObject({ inputTokens: 1_234, costMicroUsd: 149 });
    const guessed = await createEmbedder(makeDeps({ transports: [counted] })).embed(ask(["fox"], cohereChoice));
    expect(guessed.usage.inputTokens).toBeGreaterThan(0);
  });

  test("by a model that another took over from is recorded as that model's", async () => {
    const ledger = makeLedger();
    let left = 5;
    const transport = fakeTransport("us-east-1", ({ modelId }) =>
      modelId !== titan || left-- > 0 ? undefined : Promise.reject(unavailable("breaker_open")),
    );
    const embedder = createEmbedder(makeDeps({ transports: [transport], ledger }));
    const outcome = await embedder.embed(ask(texts, { choice: { strategy: "balanced" } }));
    expect(outcome).toMatchObject({ model: cohere, dimensions: 1536, reused: 0 });
    expect(ledger.recorded.map(({ model }) => model)).toEqual([titan, cohere]);
    expect(ledger.recorded[0]?.inputTokens).toBe(50);
  });

  test("fails the request where it can't be recorded, is cached all the same, and recorded with the next", async () => {
    const ledger = makeLedger();
    let isAway = true;
    const shaky: EmbedderDeps["ledger"] = {
      ...ledger,
      record: (...args) =>
        isAway ? Promise.reject(new AppError("unavailable", "no database")) : ledger.record(...args),
    };
    const transport = fakeTransport("us-east-1");
    const embedder = createEmbedder(makeDeps({ transports: [transport], ledger: shaky }));
    for (const text of ["fox", "owl"]) {
      await expect(embedder.embed(ask([text], { choice }))).rejects.toMatchObject({ message: "no database" });
    }
    isAway = false;
    expect(await embedder.embed(ask(["fox", "elk"], { choice }))).toMatchObject({ reused: 1 });
    expect(ledger.recorded).toEqual([{ model: titan, inputTokens: 30, outputTokens: 0, costMicroUsd: 3 }]);
    expect(transport.calls).toHaveLength(3);
  });
});
