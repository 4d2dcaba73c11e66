import { describe, expect, it } from "vitest";
import { createLineSplitter } from "./line-splitter.ts";

const text = Buffer.from("eins\r\n\nzwei ü 😀\ndrei");

describe("createLineSplitter", () => {
  it("gives the same lines however they are cut", () => {
    for (let first = 0; first <= text.length; first += 1) {
      for (let second = first; second <= text.length; second += 1) {
        const splitter = createLineSplitter(100);
        const chunks = [
          text.subarray(0, first),
          text.subarray(first, second),
          text.subarray(second),
          Buffer.from("\n"),
        ];
        expect(chunks.flatMap((chunk) => splitter.push(chunk))).toEqual(["eins", "", "zwei ü 😀", "drei"]);
      }
    }
  });

  it("holds no more than it may, in one chunk or in many", () => {
    expect(createLineSplitter(4).push(Buffer.from("abcd\nabcd\n"))).toEqual(["abcd", "abcd"]);
    expect(() => createLineSplitter(4).push(Buffer.from("abcde\n"))).toThrow(RangeError);
    const splitter = createLineSplitter(4);
    splitter.push(Buffer.from("abc"));
    expect(() => splitter.push(Buffer.from("de"))).toThrow(RangeError);
  });
});
