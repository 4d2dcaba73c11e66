import { describe, expect, it } from "vitest";
import { cleanSchema, nestsTooDeep, refersElsewhere, toCheckableSchema } from "./tool-schema.ts";

describe("a tool's schema", () => {
  it("may refer to itself alone", () => {
    expect(refersElsewhere({ $defs: { a: {} }, properties: { b: { $ref: "#/$defs/a" } } })).toBe(false);
    expect(refersElsewhere({ properties: { b: { anyOf: [{ $ref: "https://x.example/a.json" }] } } })).toBe(true);
    expect(refersElsewhere({ $dynamicRef: "other.json" })).toBe(true);
    // a property of that name is none
    expect(refersElsewhere({ properties: { $ref: { type: "string" } } })).toBe(false);
  });

  it("may nest so deep, and no deeper, however deep it is", () => {
    const nest = (levels: number): unknown => JSON.parse(`${'{"not":'.repeat(levels)}{}${"}".repeat(levels)}`);
    expect(nestsTooDeep(nest(64))).toBe(false);
    expect(nestsTooDeep(nest(65))).toBe(true);
    expect(nestsTooDeep(nest(200_000))).toBe(true);
  });

  it("of draft-07 is made one of 2020-12", () => {
    const old = {
      $schema: "http://json-schema.org/draft-07/schema#",
      $id: "https://x.example/a",
      type: "object",
      properties: {
        items: { type: "array", items: [{ type: "string" }], additionalItems: { type: "number" } },
        $id: { type: "string" },
        fixed: { const: { items: [1], $schema: "kept" }, default: { items: [2] } },
      },
    };
    expect(toCheckableSchema(old)).toEqual({
      type: "object",
      properties: {
        items: { type: "array", prefixItems: [{ type: "string" }], items: { type: "number" } },
        $id: { type: "string" },
        fixed: { const: { items: [1], $schema: "kept" }, default: { items: [2] } },
      },
    });
  });

  it("has its texts cleaned wherever they stand, and its values left as they are", () => {
    const clean = (text: string): string => text.toUpperCase();
    const values = { const: { title: "a" }, enum: ["b"], default: { description: "c" }, type: "object" };
    const given = {
      ...values,
      description: "d",
      properties: { description: { title: "e", $comment: "f" }, default: { anyOf: [{ description: "g" }] } },
    };
    expect(cleanSchema(given, clean)).toEqual({
      ...values,
      description: "D",
      properties: { description: { title: "E", $comment: "F" }, default: { anyOf: [{ description: "G" }] } },
    });
  });
});
