import type { Dimensions, EmbeddingPurpose } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { allModels, findModel } from "./all-models.ts";
import type { ModelWire } from "./embedding-model.ts";
import { costMicroUsd } from "./model-cost.ts";

function wireOf(id: string): ModelWire {
  const { wire } = findModel(id);
  if (wire === undefined) return expect.unreachable(`${id} has no wire form`);
  return wire;
}

function request(id: string, texts: readonly string[], dimensions: Dimensions, purpose: EmbeddingPurpose): unknown {
  return wireOf(id).toRequest(texts, { dimensions, purpose });
}

const unit = [0.6, 0.8, ...Array.from({ length: 254 }, () => 0)];
const tripled = unit.map((value) => value * 3);

describe("each model's request", () => {
  test("of Titan v1 is the text alone", () => {
    expect(request("amazon.titan-embed-text-v1", ["fox"], 1536, "query")).toEqual({ inputText: "fox" });
  });

  test("of Titan v2 says how long the vector is to be", () => {
    const body = request("amazon.titan-embed-text-v2:0", ["fox"], 512, "document");
    expect(body).toEqual({ inputText: "fox", dimensions: 512, normalize: true });
  });

  test.each(["cohere.embed-english-v3", "cohere.embed-multilingual-v3"])("of %s tells queries from documents", (id) => {
    const rest = { texts: ["fox", "owl"], truncate: "END", embedding_types: ["float"] };
    expect(request(id, ["fox", "owl"], 1024, "query")).toEqual({ ...rest, input_type: "search_query" });
    expect(request(id, ["fox", "owl"], 1024, "document")).toEqual({ ...rest, input_type: "search_document" });
  });

  test("of Cohere v4 has the dimensions too", () => {
    expect(request("cohere.embed-v4:0", ["fox"], 256, "query")).toEqual({
      texts: ["fox"],
      input_type: "search_query",
      output_dimension: 256,
      embedding_types: ["float"],
      truncate: "NONE",
    });
  });

  test("of Nova names its task", () => {
    const params = { embeddingDimension: 384, text: { truncationMode: "NONE", value: "fox" } };
    const id = "amazon.nova-2-multimodal-embeddings-v1:0";
    expect(request(id, ["fox"], 384, "document")).toEqual({
      taskType: "SINGLE_EMBEDDING",
      singleEmbeddingParams: { ...params, embeddingPurpose: "GENERIC_INDEX" },
    });
    expect(request(id, ["fox"], 384, "query")).toMatchObject({
      singleEmbeddingParams: { embeddingPurpose: "TEXT_RETRIEVAL" },
    });
  });
});

describe("each model's answer", () => {
  const expected = { count: 1, dimensions: 256 };
  const values = Float32Array.from(unit);

  test("of Titan counts its tokens", () => {
    const answer = wireOf("amazon.titan-embed-text-v2:0").parseAnswer(
      { embedding: unit, inputTextTokenCount: 7 },
      expected,
    );
    expect(answer).toEqual({ vectors: [values], tokens: 7 });
  });

  test("of Cohere is a list, or by type", () => {
    const { parseAnswer } = wireOf("cohere.embed-v4:0");
    expect(parseAnswer({ embeddings: [unit] }, expected)).toEqual({ vectors: [values], tokens: undefined });
    expect(parseAnswer({ embeddings: { float: [unit] } }, expected)).toEqual({ vectors: [values], tokens: undefined });
  });

  test("of Nova is a list of one", () => {
    const { parseAnswer } = wireOf("amazon.nova-2-multimodal-embeddings-v1:0");
    const answer = { embeddings: [{ embeddingType: "TEXT", embedding: unit }] };
    expect(parseAnswer(answer, expected).vectors).toEqual([values]);
  });

  test("is made of unit length", () => {
    const [vector] = wireOf("amazon.titan-embed-text-v1").parseAnswer(
      { embedding: tripled, inputTextTokenCount: 7 },
      expected,
    ).vectors;
    expect(vector?.[0]).toBeCloseTo(0.6, 6);
  });

  test.each([
    ["nothing", undefined, "has no vectors"],
    ["another form", { embeddings: { int8: [unit] } }, "has no vectors"],
    ["another count", { embeddings: [unit, unit] }, "has 2 vectors for 1 texts"],
    ["other dimensions", { embeddings: [[...unit, 0]] }, "has a vector of 257 dimensions at 0, 256 were asked for"],
    ["NaN", { embeddings: [unit.with(3, Number.NaN)] }, "has no finite number at 3 of vector 0"],
    ["null", { embeddings: [[...unit.slice(1), null]] }, "has no finite number at 255 of vector 0"],
    ["Infinity", { embeddings: [unit.with(0, Number.POSITIVE_INFINITY)] }, "has no finite number at 0 of vector 0"],
    ["a number too large for a float", { embeddings: [unit.with(0, 1e300)] }, "has a vector of length Infinity at 0"],
    ["no direction", { embeddings: [unit.map(() => 0)] }, "has a vector of length 0 at 0"],
    ["no vector", { embeddings: ["x"] }, "has no vector at 0"],
  ])("with %s is refused", (_, answer, problem) => {
    expect(() => wireOf("cohere.embed-v4:0").parseAnswer(answer, expected)).toThrow(
      expect.objectContaining({
        code: "unavailable",
        reason: "bad_answer",
        message: `the model's answer ${problem}`,
      }),
    );
  });

  test.each([undefined, -1, 1.5, "7"])("of Titan that counts %s tokens is refused", (inputTextTokenCount) => {
    const { parseAnswer } = wireOf("amazon.titan-embed-text-v2:0");
    expect(() => parseAnswer({ embedding: unit, inputTextTokenCount }, expected)).toThrow("counts no tokens");
  });
});

describe("the catalogue", () => {
  test.each([
    ["amazon.titan-embed-text-v1", 100, [1536]],
    ["amazon.titan-embed-text-v2:0", 20, [256, 512, 1024]],
    ["cohere.embed-english-v3", 100, [1024]],
    ["cohere.embed-multilingual-v3", 100, [1024]],
    ["cohere.embed-v4:0", 120, [256, 512, 1024, 1536]],
    ["amazon.nova-2-multimodal-embeddings-v1:0", 135, [256, 384, 1024, 3072]],
    ["local.feature-hashing-v1", 0, [256, 512, 1024]],
  ])("has %s at %d micro-dollars for 1,000 tokens", (id, price, dimensions) => {
    expect(findModel(id)).toMatchObject({ microUsdPer1kTokens: price, dimensions });
  });

  test("gives every model a default among its dimensions, and an id of its own", () => {
    expect(allModels.every((model) => model.dimensions.includes(model.defaultDimensions))).toBe(true);
    expect(new Set(allModels.map((model) => model.id)).size).toBe(7);
  });

  test("rounds costs up, and nothing that is free", () => {
    const titan = findModel("amazon.titan-embed-text-v2:0");
    expect([0, 1, 50, 51, 1_000_000].map((tokens) => costMicroUsd(titan, tokens))).toEqual([0, 1, 1, 2, 20_000]);
    expect(costMicroUsd(findModel("local.feature-hashing-v1"), 1_000_000)).toBe(0);
  });
});
