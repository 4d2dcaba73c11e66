import { describe, expect, test } from "vitest";
import { parseWith } from "../parse.ts";
import { newDocumentSchema } from "./document.ts";

const document = { externalId: "a.md", content: "text" };

describe("newDocumentSchema", () => {
  test("keeps any metadata as it is, __proto__ included", () => {
    const metadata = JSON.parse('{"__proto__":{"a":1},"constructor":2,"n":[null,{"b":1e308}]}');
    expect(JSON.stringify(parseWith(newDocumentSchema, { ...document, metadata }).metadata)).toBe(
      JSON.stringify(metadata),
    );
  });

  test.each<[string, Record<string, unknown>]>([
    ["externalId", { externalId: "" }],
    ["externalId", { externalId: "\ud800" }],
    ["content", { content: " \n" }],
    ["content", { content: "ä".repeat(524_289) }],
    ["metadata", { metadata: [] }],
    ["metadata", { metadata: null }],
    ["metadata", { metadata: { a: "x".repeat(16_384) } }],
    ["metadata", { metadata: { a: [{ "\u0000": 1 }] } }],
    ["metadata", { metadata: JSON.parse('{"__proto__":"\\ud800"}') }],
    ["metdata: is no field that is known here: there are externalId,", { metdata: {} }],
  ])("refuses a wrong %s", (named, change) => {
    expect(() => parseWith(newDocumentSchema, { ...document, ...change })).toThrow(named);
  });
});
