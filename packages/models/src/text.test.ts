import { describe, expect, test } from "vitest";
import { isStorable, nameSchema, tagsSchema, textSchema, toStorable } from "./text.ts";

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

describe("textSchema", () => {
  const text = textSchema(200);
  test.each([
    ["a", true],
    ["a".repeat(200), true],
    ["", false],
    ["a".repeat(201), false],
    ["\u{1f600}".repeat(200), true],
    ["\u{1f600}".repeat(201), false],
    ["line\nbreak and \u{1f600}", true],
    ["\u0000", false],
    ["lone \ud83d", false],
    ["\ude00 lone", false],
    [1, false],
  ])("%j: %s", (value, isText) => expect(accepts(text, value)).toBe(isText));
});

test.each([
  ["", ""],
  ["\u{1f600}", "\u{1f600}"],
  ["a\u0000b\u0000", "a\ufffdb\ufffd"],
  ["cut \ud83d", "cut \ufffd"],
])("%j is kept as %j", (text, kept) => {
  expect(toStorable(text)).toBe(kept);
  expect(isStorable(kept)).toBe(true);
  expect(isStorable(text)).toBe(text === kept);
});

describe("nameSchema", () => {
  test.each([
    ["code.review", true],
    ["A-z0_9:/.-", true],
    ["x".repeat(128), true],
    ["x".repeat(129), false],
    ["", false],
    ["two words", false],
    ["task.*", false],
    ["task>", false],
    ["umläut", false],
    ["line\n", false],
    [null, false],
  ])("%j: %s", (value, isName) => expect(accepts(nameSchema, value)).toBe(isName));
});

describe("tagsSchema", () => {
  const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, "v"]));
  test.each([
    ["none", {}, true],
    ["50", tags(50), true],
    ["51", tags(51), false],
    ["a name of 128", { ["k".repeat(128)]: "v" }, true],
    ["a name of 129", { ["k".repeat(129)]: "v" }, false],
    ["a value of 256", { k: "v".repeat(256) }, true],
    ["a value of 257", { k: "v".repeat(257) }, false],
    ["an empty value", { k: "" }, false],
    ["a number", { k: 1 }, false],
    ["an array", ["a"], false],
  ])("%s", (_, value, isTags) => expect(accepts(tagsSchema, value)).toBe(isTags));
});
