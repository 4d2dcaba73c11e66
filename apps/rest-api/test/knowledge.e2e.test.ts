import { randomUUID } from "node:crypto";
import { planCollection } from "@devmesh/embedding";
import { type KnowledgeEntry, type KnowledgeHit, newCollectionSchema } from "@devmesh/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Envelope, envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

let rest: RestHarness;
let keys: Readonly<Record<"red" | "mate" | "blue" | "none", string>>;
beforeAll(async () => {
  rest = await openRest();
  const scopes = ["knowledge:read", "knowledge:write", "tasks:write"] as const;
  const [red, mate, blue, none] = await Promise.all([
    rest.createKey({ scopes, team: "red" }),
    rest.createKey({ scopes, team: "red" }),
    rest.createKey({ scopes, team: "blue" }),
    rest.createKey({ scopes }),
  ]);
  keys = { red, mate, blue, none };
});
afterAll(() => rest[Symbol.asyncDispose]());

type Who = keyof typeof keys | "admin" | { readonly key: string };

async function ask(who: Who, method: string, path: string, body?: unknown, headers = {}) {
  const key = typeof who === "object" ? who.key : who === "admin" ? undefined : keys[who];
  const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const response = await rest.ask(method, path, body, { ...authorization, ...headers });
  const envelope: Envelope = await envelopeOf(response);
  return { status: response.status, headers: response.headers, ...envelope };
}

async function given(who: Who, entry: Partial<KnowledgeEntry> = {}): Promise<KnowledgeEntry> {
  const body = { title: "Deploys wait on Fridays", content: "Nothing is deployed after Friday noon.", ...entry };
  const { status, data, error } = await ask(who, "POST", "/knowledge", body);
  expect(error, JSON.stringify(error)).toBeUndefined();
  expect(status).toBe(201);
  return data;
}

async function search(who: Who, asked: object): Promise<readonly KnowledgeHit[]> {
  const { data, error } = await ask(who, "POST", "/knowledge/search", asked);
  expect(error, JSON.stringify(error)).toBeUndefined();
  return data.hits;
}

const titles = (hits: readonly KnowledgeHit[]): readonly string[] => hits.map(({ entry }) => entry.title);

describe("an entry", () => {
  test("is made once a key, read, listed, changed with its version, restored and deleted", async () => {
    const key = { "idempotency-key": randomUUID() };
    const body = { title: "Rollbacks", content: "Roll back first, ask later.", category: "process", tags: ["deploy"] };
    const first = await ask("red", "POST", "/knowledge", body, key);
    expect(first).toMatchObject({ status: 201, data: { ...body, access: "tenant", version: 1, uses: 0 } });
    const { id } = first.data;
    expect(first.headers.get("location")).toBe(`/api/v1/knowledge/${id}`);
    const again = await ask("red", "POST", "/knowledge", body, key);
    expect([again.data.id, again.headers.get("idempotent-replay")]).toEqual([id, "true"]);
    expect(await ask("red", "POST", "/knowledge", { ...body, title: "x" }, key)).toMatchObject({
      status: 409,
      error: { reason: "idempotency_key_reused" },
    });

    const path = `/knowledge/${id}`;
    expect(await ask("none", "GET", path.toUpperCase().toLowerCase())).toMatchObject({
      data: { content: body.content },
    });
    const listed = await ask("none", "GET", "/knowledge?category=process&tag=deploy&limit=1");
    expect(listed.data).toMatchObject([{ id }]);
    expect(listed.data[0]).not.toHaveProperty("content");
    const changed = await ask("blue", "PATCH", path, { version: 1, content: "Ask first.", category: null });
    expect(changed.data).toMatchObject({ version: 2, content: "Ask first.", title: "Rollbacks" });
    expect(changed.data).not.toHaveProperty("category");
    expect(await ask("red", "PATCH", path, { version: 1, title: "late" })).toMatchObject({
      status: 409,
      error: { code: "conflict", reason: "stale_version", message: expect.stringContaining("version 2 now") },
    });
    const restored = await ask("red", "POST", `${path}/restore`, { version: 2, restore: 1 });
    expect(restored.data).toMatchObject({ version: 3, content: body.content, category: "process" });
    const versions = await ask("none", "GET", `${path}/versions?limit=2`);
    expect(versions.data).toMatchObject([{ version: 3 }, { version: 2 }]);
    const rest = await ask("none", "GET", `${path}/versions?limit=2&cursor=${versions.meta?.nextCursor}`);
    expect(rest.data).toMatchObject([{ version: 1 }]);
    expect(await ask("none", "GET", `${path}/versions/2`)).toMatchObject({ data: { content: "Ask first." } });
    expect(await ask("blue", "DELETE", path)).toMatchObject({ status: 403, error: { reason: "not_owner" } });
    expect(await ask("red", "DELETE", path)).toMatchObject({ status: 200, data: { id } });
    for (const gone of [path, `${path}/versions`, `${path}/versions/1`, `${path}/links`]) {
      expect((await ask("red", "GET", gone)).status, gone).toBe(404);
    }
    expect(titles(await search("red", { query: "rollbacks" }))).not.toContain("Rollbacks");
  });

  test("is linked to tasks and agents, and found by them", async () => {
    const { id } = await given("red", { title: "Linked" });
    const task = (await ask("admin", "POST", "/tasks", { type: "a" })).data;
    const links = `/knowledge/${id}/links`;
    expect(await ask("red", "POST", links, { target: "task", id: task.id, relation: "source" })).toMatchObject({
      status: 200,
      data: [{ target: "task", id: task.id, relation: "source" }],
    });
    expect((await ask("red", "GET", `/knowledge?task=${task.id}`)).data).toMatchObject([{ id }]);
    expect(await ask("red", "DELETE", `${links}/task/${task.id}?relation=source`)).toMatchObject({ data: [] });
    expect((await ask("red", "DELETE", `${links}/task/${task.id}?relation=source`)).status).toBe(404);
    expect(await ask("red", "POST", `/knowledge/${id}/use`, { taskId: task.id })).toMatchObject({ data: { uses: 1 } });
    expect(await ask("red", "POST", `/knowledge/${id}/use`, { taskId: task.id })).toMatchObject({ data: { uses: 1 } });
    expect(await ask("red", "POST", `/knowledge/${id}/use`)).toMatchObject({ data: { uses: 2 } });
  });
});

describe("who sees an entry", () => {
  test("is decided by its access, on every route and in search", async () => {
    const word = "zymurgy";
    const entries = {
      tenant: await given("red", { title: "for all", content: `${word} for all` }),
      team: await given("red", { title: "for the team", content: `${word} for the team`, access: "team" }),
      private: await given("red", { title: "for me", content: `${word} for me`, access: "private" }),
    };
    expect(entries.team.team).toBe("red");
    const seen: Record<string, readonly (keyof typeof entries)[]> = {
      red: ["tenant", "team", "private"],
      mate: ["tenant", "team"],
      blue: ["tenant"],
      none: ["tenant"],
      admin: ["tenant", "team", "private"],
    };
    for (const [who, sees] of Object.entries(seen)) {
      const hits = await search(who as Who, { query: word, mode: "text", limit: 50 });
      expect(titles(hits).toSorted(), who).toEqual(sees.map((one) => entries[one].title).toSorted());
      for (const [access, { id }] of Object.entries(entries)) {
        const status = sees.some((one) => one === access) ? 200 : 404;
        for (const path of [`/knowledge/${id}`, `/knowledge/${id}/versions`, `/knowledge/${id}/links`]) {
          expect((await ask(who as Who, "GET", path)).status, `${who} ${access} ${path}`).toBe(status);
        }
      }
    }
  });

  test("is narrowed for the next answer, in search too", async () => {
    const word = "quincunx";
    const { id } = await given("red", { title: "a secret soon", content: `about the ${word}` });
    expect(titles(await search("blue", { query: word, mode: "text" }))).toEqual(["a secret soon"]);
    expect((await ask("blue", "PATCH", `/knowledge/${id}`, { version: 1, access: "private" })).status).toBe(403);
    expect((await ask("red", "PATCH", `/knowledge/${id}`, { version: 1, access: "private" })).status).toBe(200);
    expect(await search("blue", { query: word, mode: "text" })).toEqual([]);
    expect(titles(await search("red", { query: word, mode: "text" }))).toEqual(["a secret soon"]);
  });

  test("is not told by scores either: words of what is not seen count for nothing", async () => {
    const word = "gazpacho";
    await given("blue", { title: "mine", content: `${word} here` });
    const asked = { query: `${word} brioche`, mode: "text" };
    const before = await search("blue", asked);
    for (const access of ["team", "private"] as const) {
      await given("red", { title: "theirs", content: `${word} and brioche`, access });
    }
    expect(before).toHaveLength(1);
    expect(await search("blue", asked)).toEqual(before);
  });

  test("is never another tenant", async () => {
    const { id } = await given("red", { title: "ours", content: "xylophone" });
    const stranger = { key: await rest.createKey({ tenantId: await rest.createTenant(), scopes: ["admin"] }) };
    expect((await ask(stranger, "GET", `/knowledge/${id}`)).status).toBe(404);
    expect((await ask(stranger, "PATCH", `/knowledge/${id}`, { version: 1, title: "x" })).status).toBe(404);
    expect((await ask(stranger, "DELETE", `/knowledge/${id}`)).status).toBe(404);
    expect(await search(stranger, { query: "xylophone" })).toEqual([]);
    expect((await ask(stranger, "GET", "/knowledge")).data).toEqual([]);
  });
});

describe("the search of knowledge", () => {
  test("finds by words at once, narrows, and puts what helped first", async () => {
    const content = "The frobnicator is restarted by holding both of its levers.";
    const old = await given("red", { title: "Levers of old", content, category: "machines", tags: ["a", "b"] });
    await given("red", { title: "Levers of late", content, tags: ["a"] });
    const asked = { query: "how do I restart the frobnicator?", limit: 5 };
    expect(titles(await search("blue", asked)).toSorted()).toEqual(["Levers of late", "Levers of old"]);
    expect(titles(await search("blue", { ...asked, category: "machines" }))).toEqual(["Levers of old"]);
    expect(titles(await search("blue", { ...asked, tags: ["a", "b"] }))).toEqual(["Levers of old"]);
    expect(await search("blue", { ...asked, access: "team" })).toEqual([]);
    const [last] = (await search("blue", { ...asked, mode: "text" })).slice(-1);
    for (let use = 0; use < 30; use++) await ask("blue", "POST", `/knowledge/${last?.entry.id}/use`);
    const [first] = await search("blue", { ...asked, mode: "text" });
    expect(first?.entry).toMatchObject({ id: last?.entry.id, uses: 30 });
    expect(first?.content).toContain("frobnicator");
    expect(old.uses).toBe(0);
  });
});

test("a search by vector without the entries' model says so, as the document tells; by words it goes on", async () => {
  const tenantId = await rest.createTenant();
  const without = { key: await rest.createKey({ tenantId }) };
  const bedrock = { model: "cohere.embed-english-v3", dimensions: 1024 } as const;
  const { embedder, newId } = rest.deps;
  const asked = newCollectionSchema.parse({ name: "knowledge" });
  const plan = { embedder: { ...embedder, resolve: () => bedrock }, newId, canWriteContexts: false };
  await rest.deps.collections.ensure({
    ...planCollection(plan, { tenantId, kind: "knowledge", asked }),
    kind: "knowledge",
  });
  const search = (mode: string) => ask(without, "POST", "/knowledge/search", { query: "a", mode });
  expect(await search("vector")).toMatchObject({ status: 409, error: { reason: "no_provider" } });
  expect(await search("hybrid")).toMatchObject({ status: 200, meta: { mode: "text", degraded: {} } });
  const { paths } = (await (await rest.app.request("/api/v1/openapi.json")).json()) as { paths: never };
  for (const path of ["knowledge", "contexts"]) {
    expect(paths).toHaveProperty([`/api/v1/${path}/search`, "post", "responses", "409"]);
  }
});

describe("what can never be right", () => {
  const good = { title: "a", content: "b" };
  test.each([
    [{}, "title"],
    [{ ...good, title: "" }, "title"],
    [{ ...good, title: "t".repeat(301) }, "title"],
    [{ ...good, content: " " }, "content"],
    [{ ...good, content: "\u0000" }, "content"],
    [{ ...good, content: "c".repeat(262_145) }, "262145 bytes, at most 262144"],
    [{ ...good, tags: ["x", "x"] }, "names a tag twice"],
    [{ ...good, access: "everybody" }, "access"],
    [{ ...good, acess: "private" }, "acess"],
    [{ ...good, access: "team" }, "team: must be named"],
  ])("refuses entry %# by name", async (body, named) => {
    expect(await ask("none", "POST", "/knowledge", body)).toMatchObject({
      status: 400,
      error: { code: "invalid_argument", message: expect.stringContaining(named) },
    });
  });

  test("a team that is not the key's is refused", async () => {
    const body = { ...good, access: "team", team: "blue" };
    expect(await ask("red", "POST", "/knowledge", body)).toMatchObject({
      status: 403,
      error: { reason: "other_team" },
    });
    expect(await ask("admin", "POST", "/knowledge", body)).toMatchObject({ status: 201, data: { team: "blue" } });
  });

  test("of a link, a use, a list and a search is refused by name", async () => {
    const { id } = await given("red");
    const nobody = randomUUID();
    const refused = [
      ["POST", `/knowledge/${id}/links`, { target: "task", id: nobody }, `id: no task "${nobody}"`],
      ["POST", `/knowledge/${id}/links`, { target: "agent", id: "x" }, 'id: no agent "x"'],
      ["POST", `/knowledge/${id}/links`, { target: "file", id: nobody }, "target"],
      ["POST", `/knowledge/${id}/links`, { target: "task", id: nobody, relation: "used_by" }, "relation"],
      ["DELETE", `/knowledge/${id}/links/task/${nobody}?relation=used_by`, undefined, "relation"],
      ["POST", `/knowledge/${id}/use`, { taskId: nobody }, `taskId: no task "${nobody}"`],
      ["GET", "/knowledge?task=x", undefined, "task: must be a UUID"],
      ["GET", "/knowledge?tags=x", undefined, "unknown query parameter"],
      ["GET", `/knowledge/${id}/versions?cursor=x`, undefined, "is no cursor of this list"],
      ["POST", "/knowledge/search", { query: "" }, "query"],
      ["POST", "/knowledge/search", { query: "a", limit: 101 }, "limit"],
      ["PATCH", `/knowledge/${id}`, { title: "x" }, "version"],
      ["POST", `/knowledge/${id}/restore`, { version: 1, restore: 2 ** 31 }, "restore"],
    ] as const;
    for (const [method, path, body, message] of refused) {
      expect(await ask("red", method, path, body), path).toMatchObject({
        status: 400,
        error: { code: "invalid_argument", message: expect.stringContaining(message) },
      });
    }
    expect((await ask("red", "GET", `/knowledge/${id}/versions/9`)).status).toBe(404);
    expect((await ask("red", "GET", `/knowledge/${id}/versions/1.5`)).status).toBe(404);
    expect((await ask("red", "GET", "/knowledge/x")).status).toBe(404);
  });

  test("a key without the scope does nothing", async () => {
    const reader = { key: await rest.createKey({ scopes: ["knowledge:read"] }) };
    expect((await ask(reader, "POST", "/knowledge", good)).status).toBe(403);
    expect((await ask(reader, "POST", `/knowledge/${randomUUID()}/use`)).status).toBe(403);
    const nobody = { key: await rest.createKey({ scopes: ["tasks:read"] }) };
    expect((await ask(nobody, "GET", "/knowledge")).status).toBe(403);
    expect((await ask(nobody, "POST", "/knowledge/search", { query: "a" })).status).toBe(403);
  });
});
