import { describe, expect, test } from "vitest";
import { openOutputSchemas } from "./output-schemas.ts";
import { createSchemaValidator } from "./validate.ts";

const report = {
  type: "object",
  properties: { score: { type: "number", maximum: 1 }, at: { type: "string", format: "date-time" } },
  required: ["score"],
  additionalProperties: false,
};
const validate = createSchemaValidator(2);
const problemsOf = (schema: unknown, value: unknown) => validate(JSON.stringify(schema), { value });

describe("an output schema", () => {
  test("lets pass what fits it", () => {
    expect(problemsOf(report, { score: 0.5, at: "2026-11-30T00:00:00Z" })).toEqual([]);
    expect(problemsOf(true, 1)).toEqual([]);
    expect(problemsOf({}, null)).toEqual([]);
  });

  test("names every place that does not fit", () => {
    expect(problemsOf(report, { score: 2, at: "soon", extra: 1 })).toEqual(
      expect.arrayContaining([
        { path: "", message: 'must NOT have additional properties: "extra"' },
        { path: "/score", message: "must be <= 1" },
        { path: "/at", message: 'must match format "date-time"' },
      ]),
    );
    expect(problemsOf(report, {})).toEqual([{ path: "", message: "must have required property 'score'" }]);
    expect(problemsOf(false, 1)).toHaveLength(1);
    expect(problemsOf({ enum: ["a", "b"] }, "c")[0]?.message).toContain('["a","b"]');
  });

  test("tells 20 problems at most", () => {
    expect(problemsOf({ items: { type: "string" } }, Array(100).fill(1))).toHaveLength(20);
  });

  test("is of 2020-12: prefixItems, $defs, unevaluatedProperties", () => {
    const schema = {
      $defs: { n: { type: "number" } },
      prefixItems: [{ $ref: "#/$defs/n" }],
      contains: { type: "object", unevaluatedProperties: false },
    };
    expect(problemsOf(schema, [1, {}])).toEqual([]);
    expect(problemsOf(schema, ["1", {}])).toHaveLength(1);
    expect(problemsOf(schema, [1, { a: 1 }]).length).toBeGreaterThan(0);
  });

  test("is about what a value has, not about what every object inherits", () => {
    expect(problemsOf({ properties: { constructor: { type: "string" } } }, {})).toEqual([]);
    expect(problemsOf({ required: ["constructor"] }, {})).toHaveLength(1);
    expect(problemsOf({ required: ["__proto__"] }, {})).toHaveLength(1);
    expect(
      problemsOf({ required: ["constructor", "__proto__"] }, JSON.parse('{"constructor":1,"__proto__":1}')),
    ).toEqual([]);
  });

  test("is itself, whatever others were compiled meanwhile", () => {
    const types = ["string", "number", "boolean"];
    for (const type of [...types, ...types, "string"]) {
      expect(problemsOf({ type }, "text")).toHaveLength(type === "string" ? 0 : 1);
    }
  });

  test.each([
    ["a type that there is not", { type: "text" }],
    ["a remote $ref", { $ref: "https://example.com/schema.json" }],
    ["a $ref to nowhere", { $ref: "#/$defs/none" }],
    ["an older dialect", { $schema: "http://json-schema.org/draft-07/schema#" }],
    ["a regular expression that is none", { pattern: "(" }],
    ["what is no schema", 3],
    ["$async, whose validator would pass for anything", { $async: true, type: "string" }],
  ])("is refused for %s", (_, schema) => {
    expect(validate(JSON.stringify(schema))).toEqual([{ path: "", message: expect.any(String) }]);
    expect(problemsOf(schema, {})).toHaveLength(1);
  });
});

describe("the validator's thread", () => {
  test("answers, ends what takes too long, answers again, and closes", async () => {
    const schemas = openOutputSchemas({ timeoutMs: 1_500, maxWaiting: 3 });
    await schemas.check(report);
    await expect(schemas.check({ type: "text" })).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/^outputSchema: /),
      details: [{ path: "outputSchema" }],
    });
    expect(await schemas.findProblems(report, '{"score":1}')).toEqual([]);

    const evil = { type: "string", pattern: "^(a+)+$" };
    const late = schemas.findProblems(evil, JSON.stringify(`${"a".repeat(40)}!`));
    const next = schemas.findProblems(report, '{"score":2}');
    expect(await late).toEqual([{ path: "", message: "validation took longer than 1500 ms" }]);
    expect(await next).toEqual([{ path: "/score", message: "must be <= 1" }]);

    const pending = [1, 2, 3, 4].map((score) => schemas.findProblems(report, JSON.stringify({ score })));
    await expect(schemas.findProblems(report, "{}")).rejects.toMatchObject({ code: "resource_exhausted" });
    const ends = Promise.allSettled(pending);
    await schemas[Symbol.asyncDispose]();
    expect(await ends).toMatchObject(Array(4).fill({ reason: { code: "cancelled" } }));
  });

  test("answers owners in turn, and lets no owner fill what is for all", async () => {
    const schemas = openOutputSchemas({ timeoutMs: 1_000, maxWaiting: 3 });
    const answered: string[] = [];
    const ask = (owner: string, pattern: string): Promise<unknown> =>
      schemas
        .findProblems({ type: "string", pattern }, JSON.stringify(`${"a".repeat(40)}!`), owner)
        .finally(() => answered.push(owner));
    const slow = Array.from({ length: 4 }, () => ask("slow", "^(a+)+$"));
    await expect(schemas.findProblems(report, "{}", "slow")).rejects.toMatchObject({ code: "resource_exhausted" });
    await ask("quick", "^a");
    expect(answered).toEqual(["slow", "slow", "quick"]);
    const ends = Promise.allSettled(slow);
    await schemas[Symbol.asyncDispose]();
    await ends;
  });
});
