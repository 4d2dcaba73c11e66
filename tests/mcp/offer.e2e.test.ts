import { afterAll, beforeAll, expect, test } from "vitest";
import { type McpNode, startMcpNode } from "./kit/mcp-node.ts";
import { sendModern } from "./kit/modern-request.ts";

let started: McpNode | undefined;
beforeAll(async () => {
  started = await startMcpNode();
});
afterAll(() => started?.[Symbol.asyncDispose]());

interface Listed {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: { readonly type: string; readonly properties?: Readonly<Record<string, unknown>> };
  readonly outputSchema?: { readonly type: string };
  readonly annotations: Readonly<Record<string, unknown>>;
}

async function ask<T>(node: McpNode, method: string): Promise<T> {
  const response = await sendModern(node.url, node.apiKey, { method });
  return ((await response.json()) as { readonly result: T }).result;
}

const names = [
  ...["agent_register", "agent_heartbeat", "agent_update", "agent_list", "agent_deregister"],
  ...["task_create", "task_list", "task_get", "task_claim", "task_progress", "task_complete", "task_fail"],
  ...["task_release", "task_cancel", "task_await", "message_send", "inbox_fetch", "message_ack", "approval_request"],
  ...["knowledge_search", "knowledge_get", "knowledge_add", "context_get", "tool_search", "tool_call"],
];

test("offers the tools of the mesh, at most 30, each with all that a model and a client need", async (context) => {
  if (started === undefined) return context.skip();
  const { tools } = await ask<{ readonly tools: readonly Listed[] }>(started, "tools/list");
  expect(tools.map(({ name }) => name).sort()).toEqual([...names].sort());
  expect(tools.length).toBeLessThanOrEqual(30);
  const hints = ["destructiveHint", "idempotentHint", "openWorldHint", "readOnlyHint"];
  for (const tool of tools) {
    expect(tool.inputSchema.type, tool.name).toBe("object");
    // what a call of another server's tool gives is that server's word
    expect(tool.outputSchema?.type, tool.name).toBe(tool.name === "tool_call" ? undefined : "object");
    expect(tool.title.length, tool.name).toBeGreaterThan(3);
    expect(tool.description.length, tool.name).toBeGreaterThan(40);
    expect(Object.keys(tool.annotations), tool.name).toEqual(expect.arrayContaining(hints));
    const keeps = tool.annotations["readOnlyHint"] === true || tool.name === "task_await" || tool.name === "tool_call";
    expect(keeps || "idempotencyKey" in (tool.inputSchema.properties ?? {}), tool.name).toBe(true);
  }
});

test("costs a model's client no more than it must", async (context) => {
  if (started === undefined) return context.skip();
  const { tools } = await ask<{ readonly tools: readonly Listed[] }>(started, "tools/list");
  const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
  const sizes = tools.map((tool) => `${tool.name} ${bytes(tool)}`).join(", ");
  // raise it for a new tool; what has grown otherwise says something twice
  expect(bytes({ tools }), sizes).toBeLessThanOrEqual(40_000);
  // what hosts put before their model: the rest is for programs
  const shown = tools.map(({ description, inputSchema }) => description.length + bytes(inputSchema));
  expect(
    shown.reduce((sum, one) => sum + one),
    sizes,
  ).toBeLessThanOrEqual(24_000);
});

test("names in its instructions no tool that is not there, and every step of a worker", async (context) => {
  if (started === undefined) return context.skip();
  const { instructions } = await ask<{ readonly instructions: string }>(started, "server/discover");
  const words = new Set(instructions.match(/\b(?:agent|task|message|inbox|knowledge|context|tool|approval)_[a-z]+\b/g));
  expect([...words].filter((word) => !names.includes(word))).toEqual([]);
  const steps = ["agent_register", "task_claim", "task_progress", "task_complete", "task_fail", "task_release"];
  expect(steps.filter((step) => !words.has(step))).toEqual([]);
});
