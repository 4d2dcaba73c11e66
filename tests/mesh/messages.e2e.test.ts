import { type AgentMessage, connectAgent, type MeshAgent, type MeshEvent } from "@devmesh/agent-sdk";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";
import { sendModern } from "../mcp/kit/modern-request.ts";

/** Well below the 30 s of the slow looks: only hints are as quick. */
const hintMs = 20_000;

/** So that a silence is found in seconds. */
const times = { DEVMESH_HEARTBEAT_MS: "1000", DEVMESH_NODE_LEASE_MS: "3000", DEVMESH_PULL_PRESENCE_MS: "1000" };

describe("agents of two mcp-servers", () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await openFleet({ mcpServers: 2, workers: 2, redis: true, times });
  });
  afterAll(() => fleet?.[Symbol.asyncDispose]());

  test("ask and answer each other, and hear topics", async () => {
    await using asker = await connect(fleet, 0, "asker");
    await using answerer = await connect(fleet, 1, "answerer");
    const answers: AgentMessage[] = [];
    asker.onMessage((message) => answers.push(message));
    answerer.onMessage(async ({ from, content, messageId }) => {
      await answerer.send({ to: from.id, kind: "answer", content: Number(content) * 2, correlationId: messageId });
    });
    const asked = await asker.send({ to: "answerer", kind: "ask", content: 21 });
    expect(asked).toMatchObject({ accepted: 1, queued: 0 });
    await waitFor(() => answers.length === 1 || undefined, { timeoutMs: hintMs, what: "an answer" });
    expect(answers[0]).toMatchObject({
      kind: "answer",
      content: 42,
      correlationId: asked.messageId,
      from: { name: "answerer" },
    });
    expect(await asker.subscribe(["news.>"])).toEqual(["news.>"]);
    expect(await answerer.send({ topic: "news.today", kind: "k", content: null })).toMatchObject({ accepted: 1 });
    await waitFor(() => answers.length === 2 || undefined, { timeoutMs: hintMs, what: "news" });
    await expect(asker.send({ to: "nobody", kind: "k", content: 1 })).rejects.toMatchObject({ code: "not_found" });
  });

  test("hear of tasks and agents: plainly while they are there, durably also what they missed", async () => {
    await using submitter = await connect(fleet, 0, "submitter");
    await using plain = await connect(fleet, 1, "plain");
    const heard = listen(plain);
    await plain.subscribe(["task.*", "agent.*"]);
    const absent = await connect(fleet, 1, "absent");
    await absent.subscribe(["task.created"], { durable: true });
    await absent.close();
    const submitted = [];
    for (let count = 0; count < 3; count++) submitted.push((await submitter.submit({ type: "nobody-can" })).id);
    const subjectsOf = (events: readonly MeshEvent[]): readonly string[] =>
      events.filter(({ type }) => type === "task.created").map(({ subject }) => subject);
    await waitFor(() => subjectsOf(heard).length === 3 || undefined, { timeoutMs: hintMs, what: "events" });
    expect(subjectsOf(heard)).toEqual(submitted);
    await waitFor(() => heard.some(({ type }) => type === "agent.disconnected") || undefined, {
      timeoutMs: hintMs,
      what: "the agent that left",
    });
    const silent = await registerPulling(fleet, "silent");
    const ofSilent = (): readonly string[] => heard.filter(({ subject }) => subject === silent).map(({ type }) => type);
    // a worker finds that it says nothing more
    await waitFor(() => ofSilent().includes("agent.disconnected"), { what: "the end of its presence" });
    expect(ofSilent()).toEqual(["agent.registered", "agent.connected", "agent.disconnected"]);
    await using again = await connect(fleet, 0, "absent");
    const missed = listen(again);
    await waitFor(() => missed.length === 3 || undefined, { timeoutMs: hintMs, what: "what was missed" });
    expect(subjectsOf(missed)).toEqual(submitted);
  });
});

function listen(agent: MeshAgent): readonly MeshEvent[] {
  const events: MeshEvent[] = [];
  agent.onEvent((event) => events.push(event));
  return events;
}

/** An agent of MCP, which has no connection. Gives its id. */
async function registerPulling({ mcp, apiKey }: Fleet, name: string): Promise<string> {
  const args = { name, capabilities: [{ name: "any" }] };
  const response = await sendModern(mcp[0]?.url ?? "", apiKey, {
    method: "tools/call",
    params: { name: "agent_register", arguments: args },
  });
  const { result } = (await response.json()) as { result: { structuredContent: { agent: { id: string } } } };
  return result.structuredContent.agent.id;
}

function connect(fleet: Fleet, node: number, name: string): Promise<MeshAgent> {
  const url = `${fleet.mcp[node]?.url.replace("http", "ws")}/ws`;
  return connectAgent({ url, apiKey: fleet.apiKey, name, capabilities: [] });
}
