import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countTokens } from "./count-tokens.ts";

/** Any UTF-16, lone surrogates too. (fast-check's own "binary" takes a second to begin with.) */
const anyText = fc
  .array(fc.oneof(fc.nat(0x7f), fc.nat(0xffff)), { maxLength: 60, size: "max" })
  .map((codes) => String.fromCharCode(...codes));

describe("countTokens", () => {
  it("counts no more for what is joined than for its parts", () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(countTokens(a + b)).toBeLessThanOrEqual(countTokens(a) + countTokens(b));
      }),
    );
  });

  // what cl100k_base and o200k_base count
  it.each([
    ["The quick brown fox jumps over the lazy dog.", 10, 10],
    ["const total = items.reduce((sum, item) => sum + item.price, 0);", 17, 17],
    ["すべての人間は、生まれながらにして自由である。", 19, 15],
    ["", 0, 0],
  ])("counts for %j at least what two tokenizers do, and no more than twice that", (text, one, other) => {
    expect(countTokens(text)).toBeGreaterThanOrEqual(Math.max(one, other));
    expect(countTokens(text)).toBeLessThanOrEqual(2 * Math.min(one, other));
  });
});
