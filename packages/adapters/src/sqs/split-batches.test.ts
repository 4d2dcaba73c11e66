import { describe, expect, it } from "vitest";
import { splitBatches } from "./split-batches.ts";

const sizes = (...bytes: number[]): number[][] => {
  const messages = bytes.map((size, index) => ({ id: String(index), body: "x".repeat(size) }));
  return splitBatches(messages).batches.map((batch) => batch.map(({ body }) => body.length));
};

describe("splitBatches", () => {
  it("fills batches of ten", () => {
    expect(sizes(...Array.from({ length: 23 }, () => 1)).map((batch) => batch.length)).toEqual([10, 10, 3]);
    expect(sizes()).toEqual([]);
  });

  it("keeps a batch within 256 KiB, and the order", () => {
    expect(sizes(262_143, 1, 1, 200_000)).toEqual([
      [262_143, 1],
      [1, 200_000],
    ]);
    expect(sizes(262_144, 0)).toEqual([[262_144, 0]]);
  });

  it("reports what no batch can hold, counted in bytes", () => {
    const { batches, tooLarge } = splitBatches([
      { id: "a", body: "é".repeat(131_073) },
      { id: "b", body: "é".repeat(131_072) },
    ]);
    expect(batches.flat().map(({ id }) => id)).toEqual(["b"]);
    expect(tooLarge[0]).toMatchObject({ id: "a", error: { code: "invalid_argument", reason: "payload_too_large" } });
  });
});
