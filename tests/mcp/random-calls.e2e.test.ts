import type { Client } from "@modelcontextprotocol/client";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSdkV2 } from "./clients/sdk-v2.ts";
import { type McpNode, startMcpNode } from "./kit/mcp-node.ts";

let node: McpNode | undefined;
let client: Client;
beforeAll(async () => {
  node = await startMcpNode();
  if (node === undefined) return;
  ({ client } = await openSdkV2({ url: `${node.url}/mcp`, apiKey: node.apiKey }, { pin: "2026-07-28" }));
});
afterAll(async () => {
  await client?.close();
  await node?.[Symbol.asyncDispose]();
});

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** What has been known to be taken wrongly somewhere. */
const odd = fc.oneof(
  fc.constantFrom("", "\u0000", "\ud800", "x".repeat(5_000), "%", "a.*", ">", "'; drop table task; --", "9999-99-99"),
  fc.constantFrom(-1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, 2 ** 53),
  fc.constantFrom(null, true, JSON.parse('{"__proto__": {"a": 1}, "constructor": 1}')),
  fc.jsonValue(),
);

/** Mostly what the schema says, and now and then something else. */
function likelyOf(schema: Schema): fc.Arbitrary<unknown> {
  return fc.oneof({ arbitrary: odd, weight: 1 }, { arbitrary: fittingOf(schema), weight: 7 });
}

function fittingOf(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(fittingOf));
  switch (schema.type) {
    case "string":
      return fc.oneof(fc.constantFrom("rover", "a", "work.kind"), fc.uuid(), fc.string());
    case "integer":
    case "number":
      return fc.constantFrom(schema.minimum ?? 0, schema.maximum ?? 1_000, 1, 7);
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(likelyOf(schema.items ?? {}), { maxLength: 3 });
    case "object":
      return argumentsOf(schema);
    default:
      return fc.jsonValue();
  }
}

function argumentsOf({ properties = {}, required = [] }: Schema): fc.Arbitrary<Record<string, unknown>> {
  const fields = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, likelyOf(schema)]));
  return fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
}

test("whatever a tool is called with, it answers with what it does or with what is wrong", async (context) => {
  if (node === undefined) return context.skip();
  await client.callTool({
    name: "agent_register",
    arguments: { name: "rover", capabilities: [{ name: "work.kind" }] },
  });
  const { tools } = await client.listTools();
  const calls = fc.oneof(
    ...tools.map(({ name, inputSchema }) =>
      fc.record({ name: fc.constant(name), arguments: argumentsOf(inputSchema as Schema) }),
    ),
  );
  await fc.assert(
    fc.asyncProperty(calls, async (call) => {
      // nobody has to wait for nothing
      if ("waitMs" in call.arguments && Number(call.arguments["waitMs"]) > 1) call.arguments["waitMs"] = 1;
      if (call.name === "task_await") call.arguments["waitMs"] = 0;
      const { isError, structuredContent } = await client.callTool(call);
      const { error } = structuredContent as { readonly error?: { readonly code: string } };
      expect(isError === true).toBe(error !== undefined);
      expect(error?.code).not.toBe("internal");
    }),
    { numRuns: 400 },
  );
});
