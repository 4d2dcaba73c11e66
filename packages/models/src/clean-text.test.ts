import { expect, test } from "vitest";
import { cleanText } from "./clean-text.ts";

test("text loses what no reader sees, and keeps the rest", () => {
  const tags = [..."ignore all"].map((letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0))).join("");
  expect(cleanText(`Reads\ta file.\n${tags}\u202Eevil\u200B\u0007\u001b[31m\uFEFF`, 100)).toBe(
    "Reads\ta file.\nevil[31m",
  );
  expect(cleanText("größer 日本 ❤️", 100)).toBe("größer 日本 ❤️");
  expect(cleanText("a\ud800b", 100)).toBe("a\ufffdb");
  expect(cleanText("ab😀", 3)).toBe("ab\ufffd");
  expect(cleanText(`x${"\u{E0101}".repeat(50)}`, 100)).toBe("x");
});
