import { openOutputSchemas } from "@devmesh/tasks";
import { isSpecType } from "@modelcontextprotocol/server";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readForm, toForm } from "./question-form.ts";
import { readRunQuestion, schemaOfAnswer, writeRunQuestion } from "./run-question.ts";

const accept = (content: Record<string, unknown>) => ({ action: "accept" as const, content: content as never });
const formOf = (schema: unknown) => toForm({ question: "?", schema }).requestedSchema;

const name = fc.string({ minLength: 1, maxLength: 8 }).filter((text) => text !== "__proto__");
const single = fc.oneof(
  fc.record(
    { type: fc.constant("string"), minLength: fc.nat(3), pattern: fc.constant("^a") },
    { requiredKeys: ["type"] },
  ),
  fc.record({ type: fc.constant("string"), enum: fc.array(fc.oneof(fc.string(), fc.integer()), { minLength: 1 }) }),
  fc.record({ type: fc.constantFrom("string"), format: fc.constantFrom("email", "uuid", "date"), title: fc.string() }),
  fc.record({ type: fc.constantFrom("number", "integer"), minimum: fc.integer(), default: fc.anything() }),
  fc.record({ type: fc.constant("boolean"), description: fc.string() }),
);
const anySchema = fc.oneof(
  single,
  fc.constantFrom<unknown>(undefined, true, false, {}, { enum: ["a", 1] }, { type: ["string", "null"] }),
  fc.record({ type: fc.constant("array"), items: single }),
  fc.record({ type: fc.constant("object"), properties: fc.dictionary(name, single), required: fc.array(name) }),
  fc.record({
    type: fc.constant("object"),
    properties: fc.dictionary(name, fc.record({ type: fc.constant("object") })),
  }),
);

describe("the form of an agent's question", () => {
  test("is one that clients take, whatever the schema of the answer", () => {
    fc.assert(
      fc.property(anySchema, fc.string(), (schema, question) => {
        const request = { method: "elicitation/create", params: toForm({ question, schema }) };
        expect(isSpecType.ElicitRequest(JSON.parse(JSON.stringify(request)))).toBe(true);
      }),
    );
  });

  test("is the schema itself where that is a flat object, and the answer is what was filled in", () => {
    const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok", "gone"] };
    expect(formOf(schema)).toEqual({ type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] });
    expect(readForm({ schema }, accept({ ok: true }))).toEqual({ answer: { ok: true } });
  });

  test("has one field for a single value, for text where anything will do, and for JSON otherwise", () => {
    expect(readForm({ schema: { type: "integer" } }, accept({ answer: 7 }))).toEqual({ answer: 7 });
    expect(readForm({}, accept({ answer: "yes" }))).toEqual({ answer: "yes" });
    const list = { type: "array", items: { type: "string" } };
    expect(readForm({ schema: list }, accept({ answer: '["a"]' }))).toEqual({ answer: ["a"] });
    expect(() => readForm({ schema: list }, accept({ answer: "a" }))).toThrow("answer: is not JSON");
  });

  test("that was declined is no answer", () => {
    expect(readForm({}, { action: "decline" })).toBeUndefined();
    expect(readForm({}, { action: "cancel" })).toBeUndefined();
  });
});

describe("what a run asks for", () => {
  const requestedSchema = { type: "object", properties: { n: { type: "number" } }, required: ["n"] } as const;

  test("comes back from the question that it was written as", () => {
    const asks = fc.dictionary(
      name,
      fc.record({ message: fc.string(), requestedSchema: fc.constant(requestedSchema) }),
    );
    fc.assert(
      fc.property(asks, (given) => {
        const { schema } = writeRunQuestion(given as never);
        expect(readRunQuestion(JSON.parse(JSON.stringify(schema)))).toEqual(given);
      }),
    );
  });

  test("takes a result that was accepted and matches, and one that was declined", async () => {
    await using schemas = openOutputSchemas({ timeoutMs: 5_000, maxWaiting: 10 });
    const { schema } = writeRunQuestion({ a: { message: "A?", requestedSchema: requestedSchema as never } });
    const results = [
      { action: "accept", content: { n: 1 } },
      { action: "decline" },
      { action: "accept" },
      { action: "accept", content: { n: "1" } },
    ];
    const problems = await Promise.all(
      results.map((result) => schemas.findProblems(schemaOfAnswer(schema, "a"), JSON.stringify(result))),
    );
    expect(problems.map(({ length }) => length === 0)).toEqual([true, true, false, false]);
  });
});
