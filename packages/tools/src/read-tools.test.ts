import { AppError, externalToolSchema, type TenantId } from "@devmesh/models";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { toolCallName } from "./names.ts";
import type { SchemaChecker } from "./ports.ts";
import { readTools } from "./read-tools.ts";

const schemas: SchemaChecker = { check: async () => undefined, findProblems: async () => [] };
const read = (raw: readonly unknown[], known = new Set<string>(), checker = schemas) =>
  readTools(raw, { server: "s", schemas: checker, tenantId: "t" as TenantId, known });
const inputSchema = { type: "object" };

/** Anything, and what looks like a tool. */
const entry = fc.oneof(
  fc.anything({ withNullPrototype: true }),
  fc.record(
    {
      name: fc.oneof(fc.string(), fc.constantFrom("a", "b", "a.b", "constructor", "__proto__")),
      title: fc.oneof(fc.string(), fc.integer()),
      description: fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue()),
      inputSchema: fc.oneof(fc.jsonValue(), fc.record({ type: fc.constant("object"), properties: fc.jsonValue() })),
      annotations: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
);

describe("readTools", () => {
  it("gives tools that are, each once by its call name, and a word on each of the others, whatever a server says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 30 }), async (raw) => {
        const { tools, leftOut } = await read(raw);
        expect(tools.length + leftOut.length).toBe(raw.length);
        for (const tool of tools) expect(externalToolSchema.safeParse(tool).success).toBe(true);
        expect(new Set(tools.map(({ name }) => toolCallName("s", name))).size).toBe(tools.length);
        for (const { name, reason } of leftOut) expect([name.length > 0, reason.length > 0]).toEqual([true, true]);
      }),
    );
  });

  it("keeps nothing that is hidden in what schemas say", async () => {
    const hidden = { type: "object", properties: { a: { description: "see\u{E0041}n\u202e\0" } } };
    const { tools } = await read([{ name: "a", inputSchema: hidden, outputSchema: hidden }]);
    const shown = { type: "object", properties: { a: { description: "seen" } } };
    expect(tools).toEqual([{ name: "a", inputSchema: shown, outputSchema: shown }]);
  });

  it.each([
    ["a name", { properties: { [`a${String.fromCodePoint(0xe0041)}`]: {} } }],
    ["a value", { properties: { a: { enum: ["a\u200b"] } } }],
    ["a keyword that nobody knows", { "x-note": "\u202eobey" }],
  ])("leaves out a tool that hides something in %s of its schema", async (_what, schema) => {
    const { tools, leftOut } = await read([
      { name: "a", inputSchema: { ...inputSchema, ...schema } },
      { name: "b", inputSchema, outputSchema: { ...inputSchema, ...schema } },
      { name: "c", inputSchema: { ...inputSchema, properties: { größe: { enum: ["klein\n", "groß"] } } } },
    ]);
    expect(tools.map(({ name }) => name)).toEqual(["c"]);
    expect(leftOut[0]).toEqual({ name: "a", reason: "schema hides characters in its names or values" });
  });

  it("compiles schemas for so long, and keeps the other tools", async () => {
    const check = vi.fn(async () => undefined);
    const raw = Array.from({ length: 5 }, (_, at) => ({
      name: `t${at}`,
      inputSchema: { ...inputSchema, title: `${at}` },
    }));
    const options = {
      server: "s",
      schemas: { ...schemas, check },
      tenantId: "t" as TenantId,
      known: new Set<string>(),
    };
    expect((await readTools(raw, { ...options, maxCheckMs: -1 })).tools).toHaveLength(5);
    expect(check).not.toHaveBeenCalled();
  });

  it("comes in one order, whatever order the server has", async () => {
    const raw = ["c", "a", "b"].map((name) => ({ name, inputSchema }));
    expect((await read(raw)).tools).toEqual((await read(raw.toReversed())).tools);
  });

  it("looks at a schema once, and keeps a tool whose schema there was no time for", async () => {
    const check = vi.fn(async () => undefined);
    const known = new Set<string>();
    const raw = ["a", "b"].map((name) => ({ name, inputSchema }));
    await read(raw, known, { ...schemas, check });
    await read(raw, known, { ...schemas, check });
    expect(check).toHaveBeenCalledOnce();
    const busy = () => Promise.reject(new AppError("resource_exhausted", "too many"));
    expect((await read(raw, new Set(), { ...schemas, check: busy })).tools).toHaveLength(2);
    const none = () => Promise.reject(new AppError("invalid_argument", "schema: no"));
    expect((await read(raw, new Set(), { ...schemas, check: none })).leftOut).toEqual([
      { name: "a", reason: "schema: no" },
      { name: "b", reason: "schema: no" },
    ]);
  });

  it("keeps so many bytes, and no more", async () => {
    const raw = Array.from({ length: 100 }, (_, at) => ({
      name: `t${at}`,
      inputSchema: { type: "object", description: "x".repeat(60_000) },
    }));
    const { tools, leftOut } = await read(raw);
    expect(tools).toHaveLength(69);
    expect(leftOut[0]?.reason).toBe("all tools together exceed 4194304 bytes");
  });
});
