import { expect, it } from "vitest";
import { fusionWeightsOf } from "./fusion-weights.ts";

it.each([
  ["local.feature-hashing-v1", 0.5],
  ["amazon.titan-embed-text-v2:0", 1],
  ["one-that-there-is-not", 1],
  [undefined, 1],
])("lets the vectors of %s count %d times as much as words", (model, vector) => {
  expect(fusionWeightsOf(model)).toEqual({ vector, text: 1 });
});
