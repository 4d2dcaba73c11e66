import type { EmbeddingStrategy } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { allModels } from "../catalogue/all-models.ts";
import type { ModelChoice } from "../embedder/embedder.ts";
import { chooseModels } from "./choose-models.ts";

function choose(choice: ModelChoice, hasBedrock = true): readonly string[] {
  return chooseModels(choice, allModels, hasBedrock).map((plan) => `${plan.model.id}/${plan.dimensions}`);
}

const titanV1 = "amazon.titan-embed-text-v1/1536";
const titanV2 = "amazon.titan-embed-text-v2:0/1024";
const multilingual = "cohere.embed-multilingual-v3/1024";
const cohereV4 = "cohere.embed-v4:0/1536";
const nova = "amazon.nova-2-multimodal-embeddings-v1:0/1024";

describe("a strategy", () => {
  const orders: readonly (readonly [EmbeddingStrategy, readonly string[]])[] = [
    ["quality", [cohereV4, nova, titanV2, multilingual, titanV1]],
    ["cost", [titanV2, titanV1, multilingual, cohereV4, nova]],
    ["speed", [titanV2, titanV1, multilingual, cohereV4, nova]],
    ["balanced", [titanV2, cohereV4, nova, multilingual, titanV1]],
  ];
  test.each(orders)("%s has its order of models", (strategy, order) => {
    expect(choose({ strategy })).toEqual(order);
  });

  test("never means a model of English alone, nor the local one beside Bedrock", () => {
    for (const strategy of ["quality", "cost", "speed", "balanced"] as const) {
      expect(choose({ strategy }).filter((id) => /english|local/.test(id))).toEqual([]);
    }
  });

  test("means the local model without Bedrock", () => {
    expect(choose({ strategy: "quality" }, false)).toEqual(["local.feature-hashing-v1/1024"]);
  });

  test("keeps to models of the dimensions that are asked for", () => {
    expect(choose({ strategy: "cost", dimensions: 3072 })).toEqual(["amazon.nova-2-multimodal-embeddings-v1:0/3072"]);
    expect(choose({ strategy: "quality", dimensions: 512 })).toEqual([
      "cohere.embed-v4:0/512",
      "amazon.titan-embed-text-v2:0/512",
    ]);
  });

  test("is refused where no model has them", () => {
    expect(() => choose({ strategy: "cost", dimensions: 384 }, false)).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        message: "no model here gives 384 dimensions: there are 256, 512, 1024",
      }),
    );
  });
});

describe("a named model", () => {
  test("stands alone, with its own dimensions where none are asked for", () => {
    expect(choose({ model: "cohere.embed-english-v3" })).toEqual(["cohere.embed-english-v3/1024"]);
    expect(choose({ model: "cohere.embed-v4:0", dimensions: 256 })).toEqual(["cohere.embed-v4:0/256"]);
    expect(choose({ model: "local.feature-hashing-v1" })).toEqual(["local.feature-hashing-v1/1024"]);
  });

  test("is refused with dimensions that it lacks, unknown, or without Bedrock", () => {
    const lacking = { model: "cohere.embed-english-v3", dimensions: 512 } as const;
    expect(() => choose(lacking)).toThrow("cohere.embed-english-v3 gives 1024 dimensions, not 512");
    expect(() => choose({ model: "x".repeat(500) })).toThrow(/^model "x{128}" is unknown/);
    expect(() => choose({ model: "cohere.embed-v4:0" }, false)).toThrow(
      expect.objectContaining({ code: "failed_precondition", reason: "no_provider" }),
    );
  });
});
