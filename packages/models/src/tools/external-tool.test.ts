import { describe, expect, test } from "vitest";
import { externalToolSchema } from "./external-tool.ts";

const tool = { name: "read_file", inputSchema: { type: "object" } };

describe("a tool as its server describes it", () => {
  test("keeps what is known of tools, and drops the rest", () => {
    const told = { ...tool, title: "Read", annotations: { readOnlyHint: true, x: 1 }, _meta: { a: 1 }, icons: [] };
    expect(externalToolSchema.parse(told)).toEqual({ ...tool, title: "Read", annotations: { readOnlyHint: true } });
  });

  test("is cut to what can be kept", () => {
    const parsed = externalToolSchema.parse({ ...tool, title: "a\u0000b", description: "x".repeat(5_000) });
    expect(parsed.title).toBe("a\uFFFDb");
    expect(parsed.description).toHaveLength(4_096);
  });

  test.each([
    ["a name with a space", { ...tool, name: "read file" }],
    ["a name that leaves no room for the server's", { ...tool, name: "x".repeat(95) }],
    ["arguments that are no object", { ...tool, inputSchema: { type: "string" } }],
    ["no schema", { name: "a" }],
    ["a schema that is too large", { ...tool, inputSchema: { type: "object", description: "x".repeat(65_536) } }],
    ["a schema that nests too deep", { ...tool, inputSchema: { type: "object", not: nested(600) } }],
  ])("is refused for %s", (_what, told) => {
    expect(externalToolSchema.safeParse(told).success).toBe(false);
  });
});

function nested(levels: number): unknown {
  return JSON.parse(`${'{"not":'.repeat(levels)}{}${"}".repeat(levels)}`);
}
