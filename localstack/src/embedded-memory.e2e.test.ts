import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, test } from "vitest";
import { type EmbeddedMesh, runEmbedded } from "./embedded.ts";

const ports = ["DEVMESH_REST_PORT", "DEVMESH_MCP_PORT", "DEVMESH_WORKER_PORT", "DEVMESH_AWS_PORT"];

// biome-ignore lint/suspicious/noExplicitAny: what the services answer is what the test is about
type Answer = any;

async function ask(mesh: EmbeddedMesh, method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${mesh.restUrl}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${mesh.apiKey}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const { data, error } = (await response.json()) as Answer;
  expect(error, `${method} ${path}`).toBeUndefined();
  return data;
}

async function connect({ mcpUrl, apiKey }: EmbeddedMesh): Promise<Client> {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  const requestInit = { headers: { authorization: `Bearer ${apiKey}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(mcpUrl), { requestInit }));
  return client;
}

async function call(client: Client, name: string, args: object): Promise<Answer> {
  const { isError, structuredContent } = await client.callTool({ name, arguments: { ...args } });
  expect(isError, JSON.stringify(structuredContent)).not.toBe(true);
  return structuredContent;
}

/** What REST and the worker do is seen over MCP, and what MCP writes over REST. */
async function exercise(mesh: EmbeddedMesh): Promise<void> {
  const client = await connect(mesh);
  try {
    await readContexts(mesh, client);
    await shareKnowledge(mesh, client);
    await hearOfOthers(mesh, client);
  } finally {
    await client.close();
  }
}

async function readContexts(mesh: EmbeddedMesh, client: Client): Promise<void> {
  const content = "What locked the ledger was a migration.\n".repeat(2_000);
  const { id } = await ask(mesh, "POST", "/contexts", { name: "incident.md", mediaType: "text/markdown", content });
  const { context, excerpt, download } = await call(client, "context_get", { contextId: id, link: true });
  expect(context).toMatchObject({ id, state: "ready", size: content.length });
  expect(excerpt).toEqual({ text: content.slice(0, 16_384), startByte: 0, endByte: 16_384, isLast: false });
  expect(await (await fetch(download.url)).text()).toBe(content);
}

async function shareKnowledge(mesh: EmbeddedMesh, client: Client): Promise<void> {
  const body = { title: "Deploys wait on Fridays", content: "Nobody is there to see it fail." };
  const { entry } = await call(client, "knowledge_add", { ...body, idempotencyKey: "fridays" });
  expect(await ask(mesh, "GET", `/knowledge/${entry.id}`)).toMatchObject(body);
  // the key means the same at both doors
  const again = await fetch(`${mesh.restUrl}/api/v1/knowledge`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${mesh.apiKey}`,
      "content-type": "application/json",
      "idempotency-key": "fridays",
    },
    body: JSON.stringify(body),
  });
  expect(again.headers.get("idempotent-replay")).toBe("true");
  expect(((await again.json()) as Answer).data.id).toBe(entry.id);
  const { hits } = await call(client, "knowledge_search", { query: "when do deploys wait" });
  expect(hits[0].entry.id).toBe(entry.id);
}

async function hearOfOthers(mesh: EmbeddedMesh, client: Client): Promise<void> {
  const entry = await ask(mesh, "POST", "/knowledge", { title: "Ledgers", content: "Locked at night." });
  const { agent } = await call(client, "agent_register", { name: "hearer", capabilities: [{ name: "hear" }] });
  const task = await ask(mesh, "POST", "/tasks", { type: "nobody.does" });
  const uris = [`devmesh://knowledge/${entry.id}`, `devmesh://agents/${agent.id}`, `devmesh://tasks/${task.id}`];
  const heard = new Set<string>();
  client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.add(params.uri));
  const subscription = await client.listen({ resourceSubscriptions: uris });
  await ask(mesh, "PATCH", `/knowledge/${entry.id}`, { version: 1, content: "Locked at night, and on Sundays." });
  await ask(mesh, "POST", `/agents/${agent.id}/pause`, {});
  await ask(mesh, "POST", `/tasks/${task.id}/cancel`, {});
  await expect.poll(() => [...heard].sort()).toEqual([...uris].sort());
  await subscription.close();
}

test("npm start's stack shares memory, and news of it, between REST and MCP", async () => {
  const home = await mkdtemp(join(tmpdir(), "devmesh-memory-"));
  try {
    const env = Object.fromEntries(ports.map((name) => [name, "0"]));
    await runEmbedded({ home, env, work: exercise }, new AbortController().signal);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
