import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type McpNode, startMcpNode } from "../kit/mcp-node.ts";
import { connectAiSdk } from "./ai-sdk.ts";
import { connectExtTasks } from "./ext-tasks.ts";
import type { Connect } from "./mcp-client.ts";
import { connectMcpRemote } from "./mcp-remote.ts";
import { connectMcporter } from "./mcporter.ts";
import { connectSdkV1 } from "./sdk-v1.ts";
import { connectSdkV2 } from "./sdk-v2.ts";

let node: McpNode | undefined;
beforeAll(async () => {
  node = await startMcpNode();
});
afterAll(() => node?.[Symbol.asyncDispose]());

const clients: readonly [string, Connect][] = [
  ["@modelcontextprotocol/sdk 1", connectSdkV1],
  ["@modelcontextprotocol/client 2 as it negotiates", connectSdkV2("auto")],
  ["@modelcontextprotocol/client 2 pinned to 2026-07-28", connectSdkV2({ pin: "2026-07-28" })],
  ["@modelcontextprotocol/client 2 of the older generation", connectSdkV2("legacy")],
  ["@modelcontextprotocol/ext-tasks", connectExtTasks],
  ["@ai-sdk/mcp", connectAiSdk],
  ["mcporter", connectMcporter],
  ["mcp-remote", connectMcpRemote],
];

describe.each(clients)("%s", (name, connect) => {
  test("registers, claims a task, reports, finishes it and awaits it", async (context) => {
    if (node === undefined) return context.skip();
    const { url, apiKey } = node;
    await using client = await connect({ url: `${url}/mcp`, apiKey });
    expect(await client.listTools()).toEqual(expect.arrayContaining(["agent_register", "task_claim", "task_complete"]));

    const agent = name.replaceAll(/[^a-z0-9]+/g, "-");
    const registered = await client.call("agent_register", { name: agent, capabilities: [{ name: agent }] });
    expect(registered).toMatchObject({ agent: { name: agent, delivery: "pull", connection: "connected" } });

    const { task } = await client.call("task_create", { type: agent, input: { n: null } });
    const { assignments } = await client.call("task_claim", { agent, waitMs: 20_000 });
    expect(assignments).toMatchObject([{ fence: 1, task: { id: task.id, input: { n: null } } }]);

    const about = { agent, assignmentId: assignments[0].assignmentId, fence: 1 };
    expect(await client.call("task_progress", { ...about, percent: 50 })).toMatchObject({ taskState: "running" });
    await expect(client.call("task_complete", { ...about, fence: 2, output: 1 })).rejects.toThrow(/stale_assignment/);
    const awaited = client.call("task_await", { taskId: task.id });
    const done = await client.call("task_complete", { ...about, output: { done: [null] } });
    expect(done).toMatchObject({ taskId: task.id, taskState: "completed", duplicate: false });
    expect(await awaited).toMatchObject({ task: { state: "completed", output: { done: [null] } } });
  });
});
