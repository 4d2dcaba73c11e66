import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AppError } from "../errors.ts";
import type { MetadataFilter } from "./metadata-filter.ts";
import { assertFilterTypes, parseFilter } from "./parse-filter.ts";

const path = ["year"];

function refusal(work: () => unknown): { code: string; message: string; path: unknown } {
  try {
    work();
  } catch (caught) {
    if (!(caught instanceof AppError)) throw caught;
    const [first] = caught.details as { path: string }[];
    return { code: caught.code, message: caught.message, path: first?.path };
  }
  throw new Error("was let pass");
}

describe("a filter", () => {
  test.each<[unknown, MetadataFilter]>([
    [
      { field: "author.name", eq: "Ada" },
      { op: "eq", path: ["author", "name"], value: "Ada" },
    ],
    [
      { field: "year", eq: 0 },
      { op: "eq", path, value: 0 },
    ],
    [
      { field: "year", in: [1, "1", true] },
      { op: "in", path, values: [1, "1", true] },
    ],
    [
      { field: "year", gt: 1999 },
      { op: "gt", path, value: 1999 },
    ],
    [
      { field: "year", lt: 2010, gte: 2000 },
      {
        op: "and",
        filters: [
          { op: "gte", path, value: 2000 },
          { op: "lt", path, value: 2010 },
        ],
      },
    ],
    [
      { field: "year", exists: true },
      { op: "exists", path },
    ],
    [
      { field: "year", exists: false },
      { op: "not", filter: { op: "exists", path } },
    ],
    [{ not: { field: "year", eq: "" } }, { op: "not", filter: { op: "eq", path, value: "" } }],
    [{ or: [{ field: "year", eq: 1 }] }, { op: "or", filters: [{ op: "eq", path, value: 1 }] }],
  ])("%j is understood", (input, filter) => {
    expect(parseFilter(input)).toEqual(filter);
  });

  test.each<[unknown, string]>([
    [null, "filter"],
    ["lang", "filter"],
    [[], "filter"],
    [{}, "filter.field"],
    [{ field: "year" }, "filter"],
    [{ field: 7, eq: 1 }, "filter.field"],
    [{ field: "", eq: 1 }, "filter.field"],
    [{ field: "a..b", eq: 1 }, "filter.field"],
    [{ field: "a.b.c.d.e.f.g.h.i", eq: 1 }, "filter.field"],
    [{ field: "x".repeat(257), eq: 1 }, "filter.field"],
    [{ field: "a\u0000", eq: 1 }, "filter.field"],
    [{ field: "year", eq: null }, "filter.eq"],
    [{ field: "year", eq: [1] }, "filter.eq"],
    [{ field: "year", eq: Number.NaN }, "filter.eq"],
    [{ field: "year", eq: "\ud800" }, "filter.eq"],
    [{ field: "year", eq: "x".repeat(1_025) }, "filter.eq"],
    [{ field: "year", eq: 1, in: [1] }, "filter"],
    [{ field: "year", near: 1 }, "filter"],
    [{ field: "year", in: [] }, "filter.in"],
    [{ field: "year", in: 7 }, "filter.in"],
    [{ field: "year", in: [1, {}] }, "filter.in[1]"],
    [{ field: "year", in: Array(201).fill(1) }, "filter.in"],
    [{ field: "year", gte: true }, "filter.gte"],
    [{ field: "year", lt: Number.POSITIVE_INFINITY }, "filter.lt"],
    [{ field: "year", gt: 1, gte: 1 }, "filter"],
    [{ field: "year", gt: 1, lt: 2, lte: 3 }, "filter"],
    [{ field: "year", gt: 1, lt: "2" }, "filter"],
    [{ field: "year", gt: 1, eq: 2 }, "filter"],
    [{ field: "year", exists: "yes" }, "filter.exists"],
    [{ and: [] }, "filter.and"],
    [{ and: {} }, "filter.and"],
    [{ and: [{ field: "a", eq: 1 }], or: [] }, "filter"],
    [{ and: [{ field: "a", eq: 1 }, { not: { field: "b" } }] }, "filter.and[1].not"],
    [{ or: Array(101).fill({ field: "a", eq: 1 }) }, "filter.or"],
    [{ or: Array(100).fill({ field: "a", eq: 1 }) }, "filter.or[99]"],
  ])("%j is refused at its place", (input, at) => {
    expect(refusal(() => parseFilter(input))).toMatchObject({ code: "invalid_argument", path: at });
  });

  test("of any other JSON is refused in words, and never crashes", () => {
    const word = fc.constantFrom(
      "and",
      "or",
      "not",
      "field",
      "eq",
      "in",
      "gt",
      "gte",
      "lt",
      "lte",
      "exists",
      "__proto__",
    );
    const { filter } = fc.letrec((tie) => ({
      filter: fc.oneof(
        { maxDepth: 3 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.dictionary(word, fc.oneof(fc.string(), fc.double(), fc.boolean(), tie("filter")), { maxKeys: 3 }),
        fc.record({ and: fc.array(tie("filter"), { maxLength: 3 }) }),
        fc.record({ field: fc.string(), in: fc.array(fc.oneof(fc.string(), fc.double()), { maxLength: 3 }) }),
      ),
    }));
    fc.assert(
      fc.property(filter, (input) => {
        try {
          expect(parseFilter(input)).toHaveProperty("op");
        } catch (caught) {
          if (!(caught instanceof AppError)) throw caught;
          expect(caught.code).toBe("invalid_argument");
          expect(caught.message).toMatch(/^filter/);
        }
      }),
    );
  });

  test("may nest eight levels and no more", () => {
    const nested = (levels: number): unknown => (levels === 1 ? { field: "a", eq: 1 } : { not: nested(levels - 1) });
    expect(parseFilter(nested(8))).toMatchObject({ op: "not" });
    expect(refusal(() => parseFilter(nested(9))).message).toContain("nests deeper than 8 levels");
    expect(refusal(() => parseFilter(nested(400))).code).toBe("invalid_argument");
  });
});

describe("the types of a filter", () => {
  const fields = [
    { path: "year", types: ["number"] },
    { path: "year", types: ["boolean"] },
    { path: "author.name", types: ["string"] },
  ] as const;

  test.each([
    { field: "year", eq: 2000 },
    { field: "year", eq: true },
    { field: "year", exists: true },
    { field: "never.seen", gt: 5 },
    { and: [{ field: "author.name", in: ["a", "b"] }, { not: { field: "year", gte: 1 } }] },
  ])("%j fits", (input) => {
    expect(() => assertFilterTypes(parseFilter(input), fields)).not.toThrow();
  });

  test.each([
    [{ field: "year", eq: "2000" }, 'the field "year" holds number or boolean, and is compared with a string'],
    [{ field: "author.name", in: ["a", 7] }, 'the field "author.name" holds string, and is compared with a number'],
    [{ or: [{ not: { field: "year", lt: "a" } }] }, 'the field "year" holds number or boolean'],
  ])("%j is refused", (input, message) => {
    const { code, message: told } = refusal(() => assertFilterTypes(parseFilter(input), fields));
    expect(code).toBe("invalid_argument");
    expect(told).toContain(message);
  });
});
