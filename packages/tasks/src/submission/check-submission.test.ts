import { AppError } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { taskIdOf } from "../../test/fakes.ts";
import type { OutputSchemas } from "../output-schema/output-schemas.ts";
import { checkSubmission } from "./check-submission.ts";

const accepting = (check: OutputSchemas["check"] = async () => {}): OutputSchemas => ({
  check,
  findProblems: async () => [],
  [Symbol.asyncDispose]: async () => {},
});
const check = (raw: unknown, outputSchemas = accepting()) => checkSubmission(raw, { id: taskIdOf(1), outputSchemas });
const nested = (depth: number) => Array.from({ length: depth }).reduce<unknown>((value) => [value], 1);
const refusal = { error: { code: "invalid_argument" } };

describe("a submission", () => {
  test("that is right passes, with its id", async () => {
    expect(await check({ type: "work" })).toMatchObject({ id: taskIdOf(1), submission: { type: "work", priority: 5 } });
  });

  test("that misses the schema is refused by field", async () => {
    expect(await check({ type: "work", priority: 10 })).toMatchObject({
      error: { code: "invalid_argument", details: [{ path: "priority" }] },
    });
    expect(await check(null)).toMatchObject(refusal);
  });

  test("of the mesh's own type is refused to everybody else", async () => {
    const own = { type: "mcp.tool" };
    expect(await check(own)).toMatchObject({ error: { code: "invalid_argument", details: [{ path: "type" }] } });
    expect(await check({ type: "w", requirements: { capabilities: ["w", "mcp.tool"] } })).toMatchObject({
      error: { details: [{ path: "requirements.capabilities" }] },
    });
    const byItself = await checkSubmission(own, { id: taskIdOf(1), outputSchemas: accepting(), isOwn: true });
    expect(byItself).toMatchObject({ submission: own });
  });

  test("has an input of 1 MiB at most, counted as UTF-8", async () => {
    expect(await check({ type: "w", input: "x".repeat(1_048_574) })).not.toHaveProperty("error");
    expect(await check({ type: "w", input: "ä".repeat(524_287) })).not.toHaveProperty("error");
    for (const input of ["x".repeat(1_048_575), "ä".repeat(524_288)]) {
      const details = [{ path: "input", message: expect.stringContaining("exceeds the limit of 1048576") }];
      expect(await check({ type: "w", input })).toMatchObject({ error: { code: "invalid_argument", details } });
    }
  });

  test("has an outputSchema of 64 KiB at most", async () => {
    const schema = (bytes: number) => ({ title: "x".repeat(bytes - 12) });
    expect(await check({ type: "w", outputSchema: schema(65_536) })).not.toHaveProperty("error");
    expect(await check({ type: "w", outputSchema: schema(65_537) })).toMatchObject({
      error: { details: [{ path: "outputSchema" }] },
    });
  });

  test("nests 512 levels at most, in its input and in its schema", async () => {
    expect(await check({ type: "w", input: nested(512) })).not.toHaveProperty("error");
    expect(await check({ type: "w", input: nested(513) })).toMatchObject(refusal);
    expect(await check({ type: "w", outputSchema: { not: nested(512) } })).toMatchObject(refusal);
    expect(await check({ type: "w", outputSchema: { not: nested(20_000) } })).toMatchObject(refusal);
    expect(await check({ type: "w", input: [Number.POSITIVE_INFINITY] })).toMatchObject(refusal);
  });

  test("has its schema checked, and no other", async () => {
    const asked: unknown[] = [];
    const schemas = accepting(async (schema) => {
      asked.push(schema);
      throw new AppError("invalid_argument", "outputSchema: no such type");
    });
    expect(await check({ type: "w" }, schemas)).not.toHaveProperty("error");
    expect(await check({ type: "w", outputSchema: false }, schemas)).toMatchObject(refusal);
    expect(asked).toEqual([false]);
  });

  test("is not blamed for a validator that is busy", async () => {
    const busy = accepting(() => Promise.reject(new AppError("resource_exhausted", "too many")));
    await expect(check({ type: "w", outputSchema: {} }, busy)).rejects.toMatchObject({ code: "resource_exhausted" });
  });
});
