import { expect, it } from "vitest";
import { fusionOf } from "./fusion-of.ts";

it.each([
  ["local.feature-hashing-v1", 0.3, 10],
  ["amazon.titan-embed-text-v2:0", 1, 60],
  ["one-that-there-is-not", 1, 60],
  [undefined, 1, 60],
])("lets the vectors of %s count %d times as much as words, with k %i", (model, vector, k) => {
  expect(fusionOf(model)).toEqual({ k, weights: { vector, text: 1 } });
});
