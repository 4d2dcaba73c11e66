import { randomUUID } from "node:crypto";
import { scopes as allScopes, type Scope } from "@devmesh/auth";
import type { TaskId, TenantId } from "@devmesh/models";
import { agentRepository, keyRepository, knowledgeRepository } from "@devmesh/repositories";
import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { connectMcp, type McpClient, type Output } from "./_mcp.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";

checkLeaks();

/** In ms: what is awaited comes in any case, on a loaded machine late. */
const patience = 30_000;
const everyday = allScopes.filter((scope) => scope !== "admin");

let mesh: Mesh;
let node: Node;
let mcp: McpClient;
let others: TenantId;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
  mcp = await connectAs({ scopes: everyday });
  others = randomUUID() as TenantId;
  await keyRepository(mesh.database).createTenant({ id: others, name: `tenant-${others}` });
});
afterAll(async () => {
  await mcp?.[Symbol.asyncDispose]();
  await mesh[Symbol.asyncDispose]();
});

interface As {
  readonly scopes: readonly Scope[];
  readonly agentName?: string;
  readonly tenantId?: TenantId;
  readonly era?: "modern" | "legacy";
}

async function connectAs({ era = "modern", ...key }: As): Promise<McpClient> {
  return connectMcp({ port: node.port, key: (await mesh.createKey(key)).text, era });
}

const create = async (type: string): Promise<string> => (await mcp.call("task_create", { type })).task.id;

async function read({ client }: McpClient, uri: string): Promise<Output> {
  const { contents } = await client.readResource({ uri });
  const [content] = contents;
  expect(content).toMatchObject({ uri, mimeType: "application/json" });
  return JSON.parse(content !== undefined && "text" in content ? content.text : "");
}

const add = (client: McpClient, more: object = {}): Promise<Output> =>
  client.call("knowledge_add", {
    title: "Deploys wait on Fridays",
    content: "Nobody is there to see it fail.",
    ...more,
  });

describe("resources are read", () => {
  test("a task, and its log", async () => {
    const id = await create("read");
    expect(await read(mcp, `devmesh://tasks/${id}`)).toMatchObject({ id, type: "read", state: "queued" });
    const log = await read(mcp, `devmesh://tasks/${id}/log`);
    expect(log).toMatchObject({ taskId: id, isWhole: true });
    expect(log.events.map(({ seq }: Output) => seq)).toEqual(log.events.map((_: unknown, at: number) => at + 1));
  });

  test("an agent by name and by id, and its inbox", async () => {
    const { agent } = await mcp.call("agent_register", { name: "team/reader", capabilities: [{ name: "reading" }] });
    expect(await read(mcp, "devmesh://agents/team%2Freader")).toMatchObject({ id: agent.id, name: "team/reader" });
    expect(await read(mcp, `devmesh://agents/${agent.id}`)).toMatchObject({ name: "team/reader", inFlight: 0 });
    await mcp.call("agent_register", { name: "writer", capabilities: [{ name: "writing" }] });
    await mcp.call("message_send", { agent: "writer", to: "team/reader", kind: "note", content: "read this" });
    expect(await read(mcp, `devmesh://agents/${agent.id}/inbox`)).toMatchObject({
      agent: { id: agent.id, name: "team/reader" },
      items: [{ kind: "message", from: { name: "writer" }, content: "read this" }],
      hasMore: false,
    });
  });

  test("an entry of knowledge, and usage", async () => {
    const { entry } = await add(mcp);
    expect(await read(mcp, `devmesh://knowledge/${entry.id}`)).toMatchObject({ title: entry.title, version: 1 });
    const day = new Date().toISOString().slice(0, 10);
    expect(await read(mcp, "devmesh://usage/today")).toMatchObject({ period: "today", from: day, to: day });
    expect(await read(mcp, "devmesh://usage/month")).toMatchObject({ from: `${day.slice(0, 8)}01`, byAgent: [] });
  });

  test("with the time that they may be kept, by nobody else", async () => {
    const id = await create("kept");
    const { ttlMs, cacheScope } = await mcp.client.readResource({ uri: `devmesh://tasks/${id}` });
    expect({ ttlMs, cacheScope }).toEqual({ ttlMs: 1_000, cacheScope: "private" });
  });

  test.each(["modern", "legacy"] as const)(
    "what is not there, nonsense and what is another tenant's is -32602, %s",
    async (era) => {
      await using client = await connectAs({ scopes: everyday, era });
      await using other = await connectAs({ scopes: everyday, tenantId: others });
      const { task } = await other.call("task_create", { type: "theirs" });
      const { agent } = await other.call("agent_register", { name: "their-agent", capabilities: [{ name: "x" }] });
      const { entry } = await add(other);
      const unknown = [
        `devmesh://tasks/${task.id}`,
        `devmesh://tasks/${task.id}/log`,
        `devmesh://agents/${agent.id}`,
        "devmesh://agents/their-agent/inbox",
        `devmesh://knowledge/${entry.id}`,
        `devmesh://tasks/${randomUUID()}`,
        "devmesh://tasks/1",
        "devmesh://usage/yesterday",
        "test://static-text",
      ];
      for (const uri of unknown) {
        await expect(client.client.readResource({ uri }), uri).rejects.toMatchObject({ code: -32602, data: { uri } });
      }
    },
  );

  test("by who has the scope, and inboxes by their own agent alone", async () => {
    const id = await create("scoped");
    await mcp.call("agent_register", { name: "mine", capabilities: [{ name: "x" }] });
    await using blind = await connectAs({ scopes: ["knowledge:read"], era: "legacy" });
    await expect(blind.client.readResource({ uri: `devmesh://tasks/${id}` })).rejects.toThrow(/scope|403/);
    await expect(blind.client.readResource({ uri: "devmesh://agents/mine" })).rejects.toThrow(/scope/);
    await mcp.call("agent_register", { name: "yours", capabilities: [{ name: "x" }] });
    await using bound = await connectAs({ scopes: ["agents:connect"], agentName: "mine" });
    expect(await read(bound, "devmesh://agents/mine/inbox")).toMatchObject({ items: [] });
    await expect(bound.client.readResource({ uri: "devmesh://agents/yours/inbox" })).rejects.toMatchObject({
      code: -32602,
    });
  });
});

describe("resources are found", () => {
  test("by what the server says that it can: it promises no news of lists that it does not send", () => {
    expect(mcp.client.getServerCapabilities()).toMatchObject({
      resources: { subscribe: true, listChanged: false },
      prompts: { listChanged: false },
      completions: {},
      extensions: { "io.modelcontextprotocol/skills": { directoryRead: true } },
    });
  });

  test("by templates, whose variables are completed", async () => {
    const id = await create("completed");
    await mcp.call("agent_register", { name: "team/reader", capabilities: [{ name: "reading" }] });
    const { resourceTemplates } = await mcp.client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual(
      expect.arrayContaining(["devmesh://tasks/{id}", "devmesh://tasks/{id}/log", "devmesh://agents/{agent}/inbox"]),
    );
    const complete = async (uri: string, name: string, value: string): Promise<readonly string[]> =>
      (await mcp.client.complete({ ref: { type: "ref/resource", uri }, argument: { name, value } })).completion.values;
    expect(await complete("devmesh://tasks/{id}", "id", id.slice(0, 30))).toContain(id);
    expect(await complete("devmesh://agents/{agent}", "agent", "TEAM")).toEqual(["team%2Freader"]);
    expect(await complete("devmesh://usage/{period}", "period", "")).toEqual(["today", "month"]);
    await using blind = await connectAs({ scopes: ["knowledge:read"] });
    const ref = { type: "ref/resource", uri: "devmesh://tasks/{id}" } as const;
    const { completion } = await blind.client.complete({ ref, argument: { name: "id", value: "" } });
    expect(completion.values).toEqual([]);
  });

  test("by a list of a kind a page, of what the key may read", async () => {
    const id = await create("listed");
    const pages: (readonly string[])[] = [];
    let cursor: string | undefined;
    do {
      const page: Output = await mcp.client.request({ method: "resources/list", params: cursor ? { cursor } : {} });
      pages.push(page.resources.map(({ uri }: { uri: string }) => uri));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(pages).toHaveLength(4);
    expect(pages[0]).toEqual(expect.arrayContaining(["devmesh://usage/today", "skill://start-worker/SKILL.md"]));
    expect(pages[2]).toContain(`devmesh://tasks/${id}`);
    await using reader = await connectAs({ scopes: ["knowledge:read"] });
    const { resources } = await reader.client.listResources();
    expect(resources.every(({ uri }) => /^(skill|devmesh):\/\/(knowledge|[a-z-]+\/SKILL)/.test(uri))).toBe(true);
    const bad = mcp.client.request({ method: "resources/list", params: { cursor: "nowhere" } });
    await expect(bad).rejects.toMatchObject({ code: -32602 });
  });
});

interface Subscribed extends AsyncDisposable {
  readonly heard: readonly string[];
  readonly honoured: readonly string[];
}

/** Subscribes as the generation does. */
async function subscribe(client: McpClient, uris: readonly string[]): Promise<Subscribed> {
  const heard: string[] = [];
  client.client.setNotificationHandler("notifications/resources/updated", ({ params }) => void heard.push(params.uri));
  const isModern = client.client.getProtocolEra() === "modern";
  if (!isModern) {
    for (const uri of uris) await client.client.subscribeResource({ uri });
    return { heard, honoured: uris, [Symbol.asyncDispose]: async () => undefined };
  }
  const subscription = await client.client.listen({ resourceSubscriptions: [...uris] });
  const honoured = subscription.honoredFilter.resourceSubscriptions ?? [];
  return { heard, honoured, [Symbol.asyncDispose]: () => subscription.close() };
}

describe.each(["modern", "legacy"] as const)("subscriptions of the %s generation", (era) => {
  test("hear of a task that changed through another door, and of nothing else", async () => {
    const [id, quiet] = [await create(`sub-${era}`), await create(`sub-${era}`)];
    await using client = await connectAs({ scopes: everyday, era });
    const uris = [`devmesh://tasks/${id}`, `devmesh://tasks/${id}/log`];
    await using subscribed = await subscribe(client, uris);
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: quiet as TaskId }, "of no use");
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: id as TaskId }, "of no use");
    await vi.waitFor(() => expect([...new Set(subscribed.heard)].sort()).toEqual(uris), patience);
  });

  test("hear of mail, of agents and of knowledge", async () => {
    const name = `ear-${era}`;
    const { agent } = await mcp.call("agent_register", { name, capabilities: [{ name }] });
    await mcp.call("agent_register", { name: "mouth", capabilities: [{ name: "x" }] });
    const { entry } = await add(mcp);
    await using client = await connectAs({ scopes: everyday, era });
    const [inbox, itself] = [`devmesh://agents/${name}/inbox`, `devmesh://agents/${agent.id}`];
    const known = `devmesh://knowledge/${entry.id}`;
    await using subscribed = await subscribe(client, [inbox, itself, known]);
    await mcp.call("message_send", { agent: "mouth", to: name, kind: "note", content: "hear" });
    await vi.waitFor(() => expect(subscribed.heard).toContain(inbox), patience);
    mesh.hints.entriesChanged([{ tenantId: mesh.tenantId, entryId: entry.id }]);
    await vi.waitFor(() => expect(subscribed.heard).toContain(known), patience);
    await agentRepository(mesh.database).setAdmin(mesh.tenantId, agent.id, "paused");
    mesh.hints.eventsReadable([mesh.tenantId]);
    await vi.waitFor(() => expect(subscribed.heard).toContain(itself), patience);
  });

  test("end with who subscribed", async () => {
    const id = await create(`end-${era}`);
    const client = await connectAs({ scopes: everyday, era });
    const uri = `devmesh://tasks/${id}`;
    const subscribed = await subscribe(client, [uri]);
    if (era === "legacy") await client.client.unsubscribeResource({ uri });
    await subscribed[Symbol.asyncDispose]();
    await using watcher = await connectAs({ scopes: everyday, era });
    await using other = await subscribe(watcher, [uri]);
    await mesh.engine.cancel({ tenantId: mesh.tenantId, taskId: id as TaskId }, "of no use");
    await vi.waitFor(() => expect(other.heard).toContain(uri), patience);
    expect(subscribed.heard).toEqual([]);
    await client[Symbol.asyncDispose]();
  });
});

describe("what can't be subscribed", () => {
  const refused = async (): Promise<readonly string[]> => {
    await using other = await connectAs({ scopes: everyday, tenantId: others });
    const { task } = await other.call("task_create", { type: "theirs" });
    return [`devmesh://tasks/${task.id}`, "devmesh://usage/today", "devmesh://tasks/1", "test://watched-resource"];
  };

  test("is left out of the acknowledgement", async () => {
    const id = await create("kept-in");
    await using client = await connectAs({ scopes: everyday });
    await using subscribed = await subscribe(client, [...(await refused()), `devmesh://tasks/${id}`]);
    expect(subscribed.honoured).toEqual([`devmesh://tasks/${id}`]);
  });

  test("is refused, to a session", async () => {
    await using client = await connectAs({ scopes: everyday, era: "legacy" });
    for (const uri of await refused()) {
      await expect(client.client.subscribeResource({ uri }), uri).rejects.toMatchObject({ code: -32602 });
    }
    await using blind = await connectAs({ scopes: ["knowledge:read"], era: "legacy" });
    const uri = `devmesh://tasks/${await create("hidden")}`;
    await expect(blind.client.subscribeResource({ uri })).rejects.toThrow(/scope/);
  });
});

describe("guides", () => {
  test("are prompts with arguments that are completed", async () => {
    const { prompts } = await mcp.client.listPrompts();
    expect(prompts.map(({ name }) => name)).toEqual([
      ...["start_worker", "triage_inbox", "plan_goal", "review_task", "handoff"],
    ]);
    await mcp.call("agent_register", { name: "team/reader", capabilities: [{ name: "reading" }] });
    const { messages } = await mcp.client.getPrompt({ name: "start_worker", arguments: { agent: "team/reader" } });
    expect(messages[0]?.content).toMatchObject({ type: "text", text: expect.stringContaining('agent: "team/reader"') });
    const complete = async (name: string, argument: { name: string; value: string }) =>
      (await mcp.client.complete({ ref: { type: "ref/prompt", name }, argument })).completion.values;
    expect(await complete("start_worker", { name: "agent", value: "team/" })).toEqual(["team/reader"]);
    expect(await complete("start_worker", { name: "agent", value: "\ud800" })).toEqual([]);
    const id = await create("reviewed");
    expect(await complete("review_task", { name: "task", value: id })).toEqual([id]);
    await expect(mcp.client.getPrompt({ name: "plan_goal", arguments: {} })).rejects.toMatchObject({ code: -32602 });
    await expect(mcp.client.getPrompt({ name: "nonsense" })).rejects.toMatchObject({ code: -32602 });
  });

  test("are skills by the same text", async () => {
    const { contents } = await mcp.client.readResource({ uri: "skill://start-worker/SKILL.md" });
    const { messages } = await mcp.client.getPrompt({ name: "start_worker" });
    const [skill] = contents;
    const prompt = messages[0]?.content;
    if (skill === undefined || !("text" in skill) || prompt?.type !== "text") throw new Error("no texts");
    expect(skill.text).toContain(prompt.text);
    expect(skill.text.startsWith("---\nname: start-worker\n")).toBe(true);
  });
});

describe("knowledge by tools", () => {
  test("is added once for a key, found, and read", async () => {
    const idempotencyKey = randomUUID();
    const title = `Ledger ${idempotencyKey}`;
    const first = await add(mcp, { title, idempotencyKey });
    expect(first).toMatchObject({ isReplay: false, entry: { title, access: "tenant", version: 1, tags: [] } });
    expect(await add(mcp, { title, idempotencyKey })).toEqual({ ...first, isReplay: true });
    const conflict = await mcp.refused("knowledge_add", { title, content: "other", idempotencyKey });
    expect(conflict).toMatchObject({ code: "conflict", reason: "idempotency_key_reused" });
    const { hits } = await mcp.call("knowledge_search", { query: title, mode: "text", limit: 3 });
    expect(hits[0]).toMatchObject({ entry: { id: first.entry.id }, excerpt: expect.stringContaining("see it fail") });
    const { entry } = await mcp.call("knowledge_get", { entryId: first.entry.id });
    expect(entry).toMatchObject({ title, content: "Nobody is there to see it fail." });
    const result = await mcp.client.callTool({ name: "knowledge_get", arguments: { entryId: entry.id } });
    expect(result.content).toMatchObject([
      { type: "text" },
      { type: "resource_link", uri: `devmesh://knowledge/${entry.id}` },
    ]);
  });

  test("is not there for other tenants, and not for others where it is private", async () => {
    const { entry } = await add(mcp, { access: "private" });
    await using stranger = await connectAs({ scopes: everyday, tenantId: others });
    await using colleague = await connectAs({ scopes: everyday });
    for (const client of [stranger, colleague]) {
      expect(await client.refused("knowledge_get", { entryId: entry.id })).toMatchObject({ code: "not_found" });
      const { hits } = await client.call("knowledge_search", {
        query: "Deploys wait on Fridays",
        mode: "text",
        limit: 50,
      });
      expect(hits.map(({ entry: { id } }: Output) => id)).not.toContain(entry.id);
    }
    const found = await knowledgeRepository(mesh.database).find(
      { tenantId: mesh.tenantId, reader: { id: entry.ownerId, team: undefined, isAdmin: false } },
      entry.id,
    );
    expect(found).toMatchObject({ access: "private" });
  });

  test("says what is wrong with what it is given", async () => {
    expect(await mcp.refused("knowledge_get", { entryId: "1" })).toMatchObject({ code: "not_found" });
    expect(await mcp.refused("knowledge_get", {})).toMatchObject({ code: "invalid_argument" });
    expect(await mcp.refused("knowledge_add", { title: "", content: "x" })).toMatchObject({
      code: "invalid_argument",
      details: [{ path: "title" }],
    });
    expect(await mcp.refused("knowledge_add", { title: "x", content: "x", acces: "private" })).toMatchObject({
      code: "invalid_argument",
    });
    expect(await mcp.refused("knowledge_search", { query: "x", limit: 51 })).toMatchObject({
      details: [{ path: "limit" }],
    });
    expect(await mcp.refused("context_get", { contextId: randomUUID() })).toMatchObject({ code: "not_found" });
    await using blind = await connectAs({ scopes: ["tasks:read"], era: "legacy" });
    for (const [name, scope] of [
      ["knowledge_search", "knowledge:read"],
      ["knowledge_add", "knowledge:write"],
      ["context_get", "contexts:read"],
    ] as const) {
      const args = { query: "x", title: "x", content: "x", contextId: randomUUID() };
      await expect(blind.call(name, args), name).rejects.toThrow(new RegExp(`${scope}|403`));
    }
  });
});
