import { connectAgent, type MeshAgent } from "@devmesh/agent-sdk";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";

/** Well below the 30 s of the slow look at mailboxes: only a hint is as quick. */
const hintMs = 20_000;

describe.each([
  ["Valkey", true],
  ["NOTIFY", false],
])("two mcp-servers side by side, with hints over %s", (_, redis) => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet({ mcpServers: 2, workers: 2, redis });
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test("an agent on one node gets what was submitted through the other", async () => {
    await using submitter = await connect(fleet, 0, "submitter");
    await using worker = await connect(fleet, 1, "worker");
    void worker.handle({ double: async (task) => Number(task.input) * 2 });
    for (const input of [1, 2, 3]) {
      const { id } = await submitter.submit({ type: "double", input });
      const done = await waitFor(async () => finished(await submitter.get(id)), {
        timeoutMs: hintMs,
        what: "a result",
      });
      expect(done).toMatchObject({ state: "completed", output: input * 2, assignedAgent: { name: "worker" } });
    }
  });

  test("a newer connection on one node replaces the older on the other", async () => {
    await using older = await connect(fleet, 0, "twin");
    const isReplaced = expect(older.handle({})).rejects.toMatchObject({ code: "conflict", reason: "replaced" });
    await using _newer = await connect(fleet, 1, "twin");
    await isReplaced;
  });
});

function connect(fleet: Fleet, node: number, name: string): Promise<MeshAgent> {
  const url = `${fleet.mcp[node]?.url.replace("http", "ws")}/ws`;
  return connectAgent({ url, apiKey: fleet.apiKey, name, capabilities: name === "worker" ? [{ name: "double" }] : [] });
}

function finished<T extends { readonly state: string }>(task: T): T | undefined {
  return task.state === "completed" || task.state === "failed" ? task : undefined;
}
