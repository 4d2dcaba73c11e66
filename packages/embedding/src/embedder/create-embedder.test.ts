import { AppError, type Vector } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { ask, makeDeps } from "../../test/_fake-models.ts";
import { embedLocally } from "../local/embed-locally.ts";
import { createEmbedder, type EmbedderDeps } from "./create-embedder.ts";

const local = "local.feature-hashing-v1";

describe("without Bedrock", () => {
  test("every strategy means the local model", () => {
    const embedder = createEmbedder(makeDeps());
    for (const strategy of ["quality", "cost", "speed", "balanced"] as const) {
      expect(embedder.resolve({ strategy })).toEqual({ model: local, dimensions: 1024 });
    }
    expect(embedder.resolve({ strategy: "cost", dimensions: 256 }).dimensions).toBe(256);
  });

  test("gives the local model's vectors in order, and what they took", async () => {
    const outcome = await createEmbedder(makeDeps()).embed(ask(["a red fox", "  a blue whale\r\n"]));
    const expected = embedLocally(["a red fox", "a blue whale"], 1024);
    expect(outcome.vectors).toEqual(expected);
    expect(outcome.usage).toMatchObject({ model: local, outputTokens: 0, costMicroUsd: 0 });
    expect(outcome.usage.inputTokens).toBeGreaterThan(4);
  });

  test("names what is wrong with one text and embeds the others", async () => {
    const { vectors } = await createEmbedder(makeDeps()).embed(ask(["good", " \n", "bad \ud800", "\u0000"]));
    expect(vectors[0]).toBeInstanceOf(Float32Array);
    expect(vectors[1]).toMatchObject({ code: "invalid_argument", message: "texts[1] is empty" });
    for (const index of [2, 3]) {
      const message = `texts[${index}] must not hold U+0000 or a lone surrogate`;
      expect(vectors[index]).toMatchObject({ code: "invalid_argument", message });
    }
  });

  test("refuses a model of Bedrock, one that is unknown, and dimensions that there are not", async () => {
    const embedder = createEmbedder(makeDeps());
    expect(() => embedder.resolve({ model: "cohere.embed-v4:0" })).toThrow(
      expect.objectContaining({ code: "failed_precondition", reason: "no_provider" }),
    );
    expect(() => embedder.resolve({ model: "word2vec" })).toThrow(/"word2vec" is unknown: there are amazon.titan/);
    expect(() => embedder.resolve({ model: local, dimensions: 384 })).toThrow(
      /gives 256, 512, 1024 dimensions, not 384/,
    );
    const embedding = embedder.embed(ask(["x"], { choice: { strategy: "quality", dimensions: 3072 } }));
    await expect(embedding).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("a text that is embedded again costs nothing, nor does one that is there twice", async () => {
    const embedded: string[] = [];
    const count = (texts: readonly string[], dimensions: 256 | 512 | 1024): readonly Vector[] => {
      embedded.push(...texts);
      return embedLocally(texts, dimensions);
    };
    const embedder = createEmbedder(makeDeps({ embedLocally: count }));
    const first = await embedder.embed(ask(["fox", "whale", "fox "]));
    expect([embedded, first.reused]).toEqual([["fox", "whale"], 1]);
    const again = await embedder.embed(ask(["whale"], { purpose: "query" }));
    expect([embedded.length, again.reused, again.usage.inputTokens]).toEqual([2, 1, 0]);
  });

  test("is cancelled by its signal", async () => {
    const signal = AbortSignal.abort();
    await expect(createEmbedder(makeDeps()).embed(ask(["x"], { signal }))).rejects.toMatchObject({ code: "cancelled" });
  });

  test("lists the catalogue, and whether each can be had", () => {
    const models = createEmbedder(makeDeps()).listModels();
    expect(models.filter((model) => model.isAvailable).map((model) => model.id)).toEqual([local]);
    expect(models).toHaveLength(7);
    expect(createEmbedder(makeDeps()).headroom(local)).toEqual({ retryAfterMs: 0 });
  });
});

describe("the ledger", () => {
  test("is asked before the call with an estimate, and told after it", async () => {
    const calls: unknown[] = [];
    const ledger: EmbedderDeps["ledger"] = {
      assertRoom: async (_, estimate) => void calls.push(estimate),
      record: async (_, kind, usages) => void calls.push([kind, ...usages]),
    };
    const { usage } = await createEmbedder(makeDeps({ ledger })).embed(ask(["one two three"]));
    expect(calls).toEqual([{ tokens: usage.inputTokens, costMicroUsd: 0 }, ["embed", usage]]);
  });

  test("that has no room stops the call", async () => {
    const noRoom = new AppError("resource_exhausted", "the budget is spent", { reason: "budget" });
    const embedder = createEmbedder(
      makeDeps({
        ledger: { assertRoom: () => Promise.reject(noRoom), record: async () => undefined },
        embedLocally: () => expect.unreachable("called without room"),
      }),
    );
    await expect(embedder.embed(ask(["x"]))).rejects.toBe(noRoom);
  });
});
