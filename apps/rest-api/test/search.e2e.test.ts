import { randomUUID } from "node:crypto";
import type { TenantId } from "@devmesh/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { embedPending } from "./_embed-pending.ts";
import { type Envelope, envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

const nobody = "019ad9b5-6c00-7000-8000-000000000001";

let rest: RestHarness;
beforeAll(async () => {
  rest = await openRest();
});
afterAll(() => rest[Symbol.asyncDispose]());

interface Answered extends Omit<Envelope, "meta"> {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: as `data`
  readonly meta?: any;
}

async function ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answered> {
  const response = await rest.ask(method, path, body, headers);
  return { status: response.status, headers: response.headers, ...(await envelopeOf(response)) };
}

const pages = [
  {
    externalId: "lanes.md",
    content: "# Lanes\n\nTasks with equal requirements share a lane. Agents pull the best task of a lane.",
    metadata: { lang: "en", year: 2024, tags: ["queue", "agents"], author: { name: "Ada" }, draft: false },
  },
  {
    externalId: "leases.md",
    content: "# Leases\n\nAn assignment has a lease. When the lease ends, another agent gets the task.",
    metadata: { lang: "en", year: 2025, tags: ["time"], author: { name: "Grace" } },
  },
  {
    externalId: "mailboxes.md",
    content: "# Mailboxes\n\nMessages between agents wait in a mailbox until they are acknowledged.",
    metadata: { lang: "en", year: 2026, tags: ["messages"] },
  },
  { externalId: "brot.txt", content: "Mehl, Wasser und Salz werden zu Brot.", metadata: { lang: "de", year: 2020 } },
];

describe("collections", () => {
  test("are made by a name alone, read by id and by name, listed in pages, and deleted", async () => {
    const made = await ask("POST", "/collections", { name: "crud.a" });
    expect(made).toMatchObject({
      status: 201,
      data: {
        name: "crud.a",
        model: "local.feature-hashing-v1",
        distance: "cosine",
        storage: rest.database.kind === "pglite" ? "vector" : "halfvec",
        hnsw: { m: 16, efConstruction: 64, efSearch: 100 },
        chunking: { mode: "auto", maxTokens: 400, overlapTokens: 40 },
        context: "none",
        language: "english",
      },
    });
    expect(made.data).not.toHaveProperty("tenantId");
    const { id } = made.data;
    expect(made.headers.get("location")).toBe(`/api/v1/collections/${id}`);
    expect(await ask("POST", "/collections", { name: "crud.a" })).toMatchObject({
      status: 409,
      error: { code: "conflict" },
    });

    const other = await ask("POST", "/collections", {
      name: "crud/b",
      description: "other",
      model: "local.feature-hashing-v1",
      dimensions: 1024,
      distance: "l2",
      storage: "vector",
      language: "german",
    });
    const counts = { documents: 0, chunks: 0, pending: 0, failed: 0 };
    expect(await ask("GET", `/collections/${id.toUpperCase()}`)).toMatchObject({
      data: { ...made.data, counts, fields: [] },
    });
    expect(await ask("GET", "/collections/crud%2Fb")).toMatchObject({ data: { ...other.data, counts } });
    const first = await ask("GET", "/collections?limit=1");
    expect(first.data).toEqual([other.data]);
    const second = await ask("GET", `/collections?limit=1&cursor=${first.meta.nextCursor}`);
    expect(second.data).toEqual([made.data]);

    expect(await ask("DELETE", "/collections/crud.a")).toMatchObject({ status: 200, data: { id } });
    for (const path of [`/collections/${id}`, "/collections/crud.a", `/collections/${id}/wait`]) {
      expect(await ask("GET", path)).toMatchObject({ status: 404, error: { code: "not_found" } });
    }
    expect(await ask("DELETE", `/collections/${id}`)).toMatchObject({ status: 404 });
    expect(await ask("POST", "/collections", { name: "crud.a" })).toMatchObject({ status: 201 });
  });

  test("of one key, many at once make one", async () => {
    const key = { "idempotency-key": randomUUID() };
    const body = { name: "once" };
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask("POST", "/collections", body, key)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    expect(answers.filter(({ headers }) => headers.get("idempotent-replay") === "true")).toHaveLength(3);
    for (const { data } of answers) expect(data).toEqual(answers[0]?.data);
    expect(await ask("POST", "/collections", { name: "twice" }, key)).toMatchObject({
      status: 409,
      error: { code: "conflict", reason: "idempotency_key_reused" },
    });
  });

  test.each<[unknown, string]>([
    [{}, "name"],
    [[], "must be an object"],
    [{ name: "" }, "name"],
    [{ name: "a b" }, "name"],
    [{ name: nobody }, "name"],
    [{ name: "x", model: "amazon.nothing" }, "amazon.nothing"],
    [{ name: "x", dimensions: 1000 }, "dimensions"],
    [{ name: "x", dimensions: "NaN" }, "dimensions"],
    [{ name: "x", dimensions: null }, "dimensions"],
    [{ name: "x", model: "local.feature-hashing-v1", dimensions: 1536 }, "1536"],
    [{ name: "x", distance: "manhattan" }, "distance"],
    [{ name: "x", storage: "bits" }, "storage"],
    [{ name: "x", hnsw: { m: 3 } }, "hnsw.m"],
    [{ name: "x", chunking: { maxTokens: 31 } }, "chunking.maxTokens"],
    [{ name: "x", language: "klingon" }, "language"],
    [{ name: "x", context: "gpt" }, "context"],
    [{ name: "x", colour: "red" }, "colour"],
  ])("%j is refused", async (body, named) => {
    const answer = await ask("POST", "/collections", body);
    expect(answer).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
    expect(answer.error?.message).toContain(named);
  });

  test("need Bedrock for its models, and for contexts by Claude", async () => {
    for (const body of [
      { name: "x", model: "cohere.embed-v4:0" },
      { name: "x", context: "claude" },
    ]) {
      expect(await ask("POST", "/collections", body)).toMatchObject({
        status: 409,
        error: { code: "failed_precondition" },
      });
    }
  });
});

describe("documents", () => {
  test("are added with a result each, found by text at once, waited for, replaced and deleted", async () => {
    await ask("POST", "/collections", { name: "docs" });
    const added = await ask("POST", "/collections/docs/documents", {
      documents: [pages[0], { externalId: "bad", content: " " }, pages[1], { ...pages[0], content: "again" }],
    });
    expect(added).toMatchObject({
      status: 200,
      data: [
        { document: { externalId: "lanes.md", outcome: "created", version: 1, chunks: 1 } },
        { error: { code: "invalid_argument", message: "documents[1].content: must not be empty" } },
        { document: { externalId: "leases.md", outcome: "created" } },
        {
          error: {
            code: "conflict",
            reason: "repeated_external_id",
            message: expect.stringMatching(/documents\[3\].*documents\[0\]/),
          },
        },
      ],
    });
    expect(added.data[1].error.requestId).toMatch(/./);
    expect((await ask("GET", "/collections/docs")).data.counts).toMatchObject({ documents: 2, pending: 2 });
    const early = await ask("POST", "/search", { collections: ["docs"], query: "lease", mode: "text" });
    expect(early.data.hits).toMatchObject([{ externalId: "leases.md", ranks: { text: { rank: 1 } } }]);

    // what is still pending is answered as it is, after the time
    expect((await ask("GET", "/collections/docs/wait?timeoutMs=1")).data.counts.pending).toBe(2);
    const waiting = ask("GET", "/collections/docs/wait?timeoutMs=20000");
    await embedPending(rest);
    expect((await waiting).data.counts).toEqual({ documents: 2, chunks: 2, pending: 0, failed: 0 });

    const document = await ask("GET", "/collections/docs/documents/lanes.md");
    expect(document.data).toMatchObject({ ...pages[0], state: "indexed", version: 1, chunks: 1 });
    expect((await ask("GET", `/collections/docs/documents/${document.data.id}`)).data).toEqual(document.data);

    const changed = { ...pages[1], content: "# Leases\n\nA lease is renewed by its agent." };
    const again = await ask("POST", "/collections/docs/documents", { documents: [pages[0], changed] });
    expect(again.data).toMatchObject([
      { document: { outcome: "unchanged", version: 1 } },
      { document: { outcome: "updated", version: 2 } },
    ]);
    const listed = await ask("GET", "/collections/docs/documents?limit=1");
    expect(listed.data[0]).not.toHaveProperty("content");
    const next = await ask("GET", `/collections/docs/documents?limit=1&cursor=${listed.meta.nextCursor}`);
    expect(new Set([listed.data[0].externalId, next.data[0].externalId])).toEqual(new Set(["lanes.md", "leases.md"]));
    expect((await ask("GET", "/collections/docs/documents?state=pending")).data).toMatchObject([
      { externalId: "leases.md" },
    ]);

    expect(await ask("DELETE", "/collections/docs/documents/lanes.md")).toMatchObject({
      data: { externalId: "lanes.md" },
    });
    expect(await ask("DELETE", "/collections/docs/documents/lanes.md")).toMatchObject({ status: 404 });
    const many = await ask("POST", "/collections/docs/documents/delete", { ids: ["lanes.md", "leases.md", nobody] });
    expect(many).toMatchObject({ status: 200, data: { deleted: 1 } });
    expect((await ask("GET", "/collections/docs")).data.counts.documents).toBe(0);
    await ask("DELETE", "/collections/docs");
  });

  test("with any external id are found by it", async () => {
    await ask("POST", "/collections", { name: "names" });
    const ids = ["a/b c.md", "ä%20", "日本", "' or 1=1", `${nobody}`];
    const documents = ids.map((externalId) => ({ externalId, content: "text" }));
    await ask("POST", "/collections/names/documents", { documents });
    for (const id of ids) {
      const found = await ask("GET", `/collections/names/documents/${encodeURIComponent(id)}`);
      expect(found.data).toMatchObject({ externalId: id });
    }
    for (const id of ["%00", "missing", nobody.replace("1", "2")]) {
      expect(await ask("GET", `/collections/names/documents/${id}`)).toMatchObject({ status: 404 });
    }
    await ask("DELETE", "/collections/names");
  });

  test.each<[string, unknown, number, string]>([
    ["no documents", { documents: [] }, 400, "1 to 1000"],
    ["too many documents", { documents: Array(1_001).fill({}) }, 400, "1001 documents"],
    ["no list", { documents: "a" }, 400, "documents"],
    ["null", null, 400, "object"],
    ["a misspelt member", { documents: [], document: {} }, 400, "document"],
    ["a body that is too large", `{"documents":["${"x".repeat(16 * 1_048_576)}"]}`, 413, "16777216"],
  ])("are refused as a whole where there are %s", async (_what, body, status, named) => {
    await ask("POST", "/collections", { name: "refusing" });
    const answer =
      typeof body === "string"
        ? await askRaw("/collections/refusing/documents", body)
        : await ask("POST", "/collections/refusing/documents", body);
    expect(answer.status).toBe(status);
    expect(answer.error?.message).toContain(named);
  });

  test("that hold what JSON can't be kept with are refused by index, and the others are kept", async () => {
    await ask("POST", "/collections", { name: "odd" });
    const deep = `${"[".repeat(600)}${"]".repeat(600)}`;
    const items = [
      '{"externalId":"a","content":"b","metadata":{"x":1e999}}',
      `{"externalId":"c","content":"d","metadata":{"x":${deep}}}`,
      '{"externalId":"e","content":"f","metdata":{}}',
      '{"externalId":"g","content":"h","metadata":{"__proto__":{"x":1}}}',
    ];
    const body = `{"documents":[${items.join()}]}`;
    for (const headers of [{}, { "idempotency-key": randomUUID() }]) {
      const { data } = await askRaw("/collections/odd/documents", body, headers);
      expect(data).toMatchObject([
        { error: { message: "documents[0]: a number in the JSON is not finite" } },
        { error: { message: "documents[1]: JSON nests deeper than 512 levels" } },
        { error: { message: expect.stringContaining("documents[2].metdata: is no field that is known here") } },
        { document: { externalId: "g" } },
      ]);
    }
    const { data } = await ask("GET", "/collections/odd/documents/g");
    expect(JSON.stringify(data.metadata)).toBe('{"__proto__":{"x":1}}');
  });

  test("of one key, many at once are written once", async () => {
    await ask("POST", "/collections", { name: "once.only" });
    const key = { "idempotency-key": randomUUID() };
    const body = { documents: [pages[0], { externalId: "bad" }] };
    const add = (asked: object, name = "once.only") => ask("POST", `/collections/${name}/documents`, asked, key);
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => add(body)));
    expect(answers.filter(({ headers }) => headers.get("idempotent-replay") === "true")).toHaveLength(4);
    for (const { status, data } of answers) {
      expect(status).toBe(200);
      expect(data).toMatchObject([{ document: { outcome: "created", version: 1 } }, { error: {} }]);
    }
    const reused = { status: 409, error: { code: "conflict", reason: "idempotency_key_reused" } };
    expect(await add({ documents: [pages[1]] })).toMatchObject(reused);
    expect(await add(body, "odd")).toMatchObject(reused);
  });

  test("are refused with an Idempotency-Key of no form, and need none", async () => {
    const key = { "idempotency-key": "k".repeat(256) };
    const answer = await ask("POST", "/collections/refusing/documents", { documents: [pages[0]] }, key);
    expect(answer).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
    expect((await ask("GET", "/collections/refusing")).data.counts.documents).toBe(0);
  });

  async function askRaw(path: string, body: string, more: Record<string, string> = {}): Promise<Answered> {
    const headers = { "x-api-key": await rest.createKey(), "content-type": "application/json", ...more };
    const response = await rest.app.request(`/api/v1${path}`, { method: "POST", headers, body });
    return { status: response.status, headers: response.headers, ...(await envelopeOf(response)) };
  }
});

describe("search", () => {
  beforeAll(async () => {
    await ask("POST", "/collections", { name: "library" });
    await ask("POST", "/collections", { name: "annex" });
    await ask("POST", "/collections", { name: "narrow", dimensions: 256 });
    await ask("POST", "/collections/library/documents", { documents: pages });
    await ask("POST", "/collections/annex/documents", {
      documents: [{ externalId: "fences.md", content: "A fence keeps a late write of an old assignment out." }],
    });
    await embedPending(rest);
  });

  const search = (body: object): Promise<Answered> =>
    ask("POST", "/search", { collections: ["library"], query: "who gets the task when a lease ends", ...body });
  const found = ({ data }: Answered): readonly string[] =>
    data.hits.map((hit: { externalId: string }) => hit.externalId);

  test.each(["vector", "text", "hybrid"])("by %s finds the right page first", async (mode) => {
    const answer = await search({ mode });
    expect(answer).toMatchObject({ status: 200, meta: { mode } });
    expect(found(answer)[0]).toBe("leases.md");
    expect(answer.data.hits[0]).toMatchObject({
      content: expect.stringContaining("lease"),
      position: { ordinal: 0, start: 0 },
      metadata: { year: 2025 },
    });
    const scores: number[] = answer.data.hits.map((hit: { score: number }) => hit.score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    for (const score of scores) expect(score >= 0 && score <= 1).toBe(true);
    const ranks = Object.keys(answer.data.hits[0].ranks).sort();
    expect(ranks).toEqual(mode === "hybrid" ? ["text", "vector"] : [mode]);
    expect(answer.meta).not.toHaveProperty("explain");
  });

  test.each<[unknown, readonly string[]]>([
    [{ field: "lang", eq: "de" }, ["brot.txt"]],
    [{ field: "tags", eq: "queue" }, ["lanes.md"]],
    [{ field: "author.name", in: ["Ada", "Grace"] }, ["lanes.md", "leases.md"]],
    [{ field: "year", gte: 2024, lt: 2026 }, ["lanes.md", "leases.md"]],
    [{ field: "lang", gt: "de" }, ["lanes.md", "leases.md", "mailboxes.md"]],
    [{ field: "draft", exists: true }, ["lanes.md"]],
    [{ field: "author", exists: false }, ["brot.txt", "mailboxes.md"]],
    [{ field: "draft", eq: false }, ["lanes.md"]],
    [{ and: [{ field: "lang", eq: "en" }, { not: { field: "year", eq: 2024 } }] }, ["leases.md", "mailboxes.md"]],
    [
      {
        or: [
          { field: "year", lte: 2020 },
          { field: "tags", in: ["time"] },
        ],
      },
      ["brot.txt", "leases.md"],
    ],
    [{ field: "never.seen", eq: "x" }, []],
  ])("keeps to the filter %j", async (filter, expected) => {
    const answer = await search({ mode: "vector", filter });
    expect(answer.status).toBe(200);
    expect(found(answer).toSorted()).toEqual(expected);
  });

  test("over several collections is one order, by ids or names", async () => {
    const { id } = (await ask("GET", "/collections/annex")).data;
    const answer = await search({ collections: ["library", id], query: "a fence keeps late writes out" });
    expect(found(answer)[0]).toBe("fences.md");
    expect(found(answer).length).toBeGreaterThan(1);
  });

  test("keeps to limit and minScore, and picks diverse hits", async () => {
    expect(found(await search({ mode: "vector", limit: 1 }))).toEqual(["leases.md"]);
    const all = await search({ mode: "vector", limit: 100 });
    const second: number = all.data.hits[1].score;
    expect(found(await search({ mode: "vector", minScore: second }))).toEqual(found(all).slice(0, 2));
    expect(found(await search({ mode: "vector", minScore: 1 }))).toEqual([]);
    const diverse = await search({ diversity: 1, limit: 4 });
    expect(found(diverse)[0]).toBe("leases.md");
    expect(found(diverse).toSorted()).toEqual(pages.map(({ externalId }) => externalId).toSorted());
  });

  test("explains its steps and times, and whether a cache had the query's vector", async () => {
    const query = { query: `anything ${randomUUID()}`, explain: true };
    const { meta } = await search(query);
    expect(meta.explain).toMatchObject({
      mode: "hybrid",
      models: ["local.feature-hashing-v1"],
      query: { isFromCache: false },
      fusion: { k: expect.any(Number) },
      steps: [{ method: "vector", plan: expect.any(Array) }, { method: "text" }],
    });
    expect(meta.explain.timingsMs.total).toBe(meta.tookMs);
    expect((await search(query)).meta.explain.query.isFromCache).toBe(true);
  });

  test.each<[object, string]>([
    [{ collections: [] }, "collections"],
    [{ collections: "library" }, "collections"],
    [{ collections: Array(21).fill("library") }, "collections"],
    [{ query: "" }, "query"],
    [{ query: "   " }, "query"],
    [{ query: null }, "query"],
    [{ query: `${"y".repeat(8_192)}ä` }, "8194 bytes"],
    [{ query: "a\u0000b" }, "U+0000"],
    [{ mode: "magic" }, "mode"],
    [{ limit: 0 }, "limit"],
    [{ limit: 101 }, "limit"],
    [{ limit: "NaN" }, "limit"],
    [{ minScore: 1.1 }, "minScore"],
    [{ minScore: "NaN" }, "minScore"],
    [{ diversity: -0.1 }, "diversity"],
    [{ efSearch: 5 }, "efSearch"],
    [{ explain: "yes" }, "explain"],
    [{ filters: {} }, "filters"],
    [{ filter: null }, "filter"],
    [{ filter: { field: "year", eq: 1, in: [1] } }, "eq and in"],
    [{ filter: { and: [{ field: "year", near: 7 }] } }, "filter.and[0]"],
    [{ filter: { field: "year", eq: "2024" } }, 'the field "year" holds number, and is compared with a string'],
    [{ filter: { not: { field: "lang", gt: 5 } } }, 'the field "lang" holds string'],
    [{ collections: ["library", "narrow"] }, "narrow"],
  ])("refuses %j", async (body, named) => {
    const answer = await search(body);
    expect(answer).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
    expect(answer.error?.message).toContain(named);
  });

  test("is counted, by what was asked for, and so are the levels of the cache", async () => {
    await search({ mode: "text" });
    const text = await rest.deps.metrics.metricsText();
    expect(text).toMatch(/^devmesh_search_seconds_count\{[^}]*mode="text"[^}]*\} [1-9]/m);
    expect(text).toMatch(/^devmesh_embedding_cache_lookups_total\{[^}]*level="memory"[^}]*\} [1-9]/m);
  });

  test("names the collections that there are not", async () => {
    const answer = await search({ collections: ["library", "nowhere", nobody] });
    expect(answer).toMatchObject({ status: 404, error: { code: "not_found" } });
    expect(answer.error?.message).toBe(`no collection "nowhere", "${nobody}"`);
  });
});

describe("embeddings", () => {
  const embed = (body: object): Promise<Answered> => ask("POST", "/embeddings", body);

  test("are given for each text, alike for alike ones, and cost nothing twice", async () => {
    const text = `Agents pull tasks ${randomUUID()}`;
    const { status, data, meta } = await embed({ texts: [text, "bread", text], dimensions: 256 });
    expect(status).toBe(200);
    expect(data).toMatchObject({ model: "local.feature-hashing-v1", dimensions: 256 });
    const [first, other, again]: number[][] = data.embeddings.map((one: { embedding: number[] }) => one.embedding);
    expect(first).toHaveLength(256);
    expect(Math.hypot(...(first ?? []))).toBeCloseTo(1, 3);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(meta).toMatchObject({ usage: { model: "local.feature-hashing-v1", costMicroUsd: 0 }, reused: 1 });
    expect((await embed({ texts: [text], dimensions: 256 })).meta).toMatchObject({ reused: 1 });
  });

  test("of a bad text are its error, by index, and of the others their vectors", async () => {
    const { status, data } = await embed({ texts: ["good", "", 7, null, "good too"] });
    expect(status).toBe(200);
    expect(data.embeddings.map((one: object) => Object.keys(one)[0])).toEqual([
      "embedding",
      "error",
      "error",
      "error",
      "embedding",
    ]);
    expect(data.embeddings[1].error).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining("texts[1]"),
    });
    expect(data.embeddings[2].error).toMatchObject({ code: "invalid_argument", message: "texts[2]: must be a text" });
  });

  test.each<[object, string]>([
    [{}, "texts"],
    [{ texts: [] }, "texts"],
    [{ texts: Array(501).fill("a") }, "texts"],
    [{ texts: "a" }, "texts"],
    [{ texts: [""] }, "texts[0]"],
    [{ texts: [null] }, "texts[0]"],
    [{ texts: ["x".repeat(2_000_000)] }, "texts[0]"],
    [{ texts: ["a"], model: "gpt-9" }, "gpt-9"],
    [{ texts: ["a"], dimensions: 100 }, "dimensions"],
    [{ texts: ["a"], dimensions: 3072 }, "3072"],
    [{ texts: ["a"], purpose: "fun" }, "purpose"],
    [{ texts: ["a"], modle: "speed" }, "modle"],
  ])("of %j are refused", async (body, named) => {
    const answer = await embed(body);
    expect(answer).toMatchObject({ status: 400, error: { code: "invalid_argument" } });
    expect(answer.error?.message).toContain(named);
  });

  test("come from the models of a catalogue, those that can't be had among them", async () => {
    const { data } = await ask("GET", "/embeddings/models");
    const local = data.find((one: { id: string }) => one.id === "local.feature-hashing-v1");
    expect(local).toMatchObject({ available: true, microUsdPer1kTokens: 0 });
    const titan = data.find((one: { id: string }) => one.id === "amazon.titan-embed-text-v2:0");
    expect(titan).toMatchObject({ available: false, dimensions: [256, 512, 1024], microUsdPer1kTokens: 20 });
    expect(await embed({ texts: ["a"], model: titan.id })).toMatchObject({
      status: 409,
      error: { code: "failed_precondition" },
    });
  });
});

describe("another tenant, and a key without the scope", () => {
  test("see nothing of it", async () => {
    await ask("POST", "/collections", { name: "mine" });
    await ask("POST", "/collections/mine/documents", { documents: [pages[0]] });
    const { id } = (await ask("GET", "/collections/mine")).data;
    const document = (await ask("GET", "/collections/mine/documents/lanes.md")).data.id;
    const tenantId: TenantId = await rest.createTenant();
    const key = await rest.createKey({ tenantId });
    const asOther = async (method: string, path: string, body?: unknown): Promise<Answered> =>
      ask(method, path, body, { authorization: `Bearer ${key}` });
    const cases: readonly (readonly [string, string, unknown?])[] = [
      ["GET", `/collections/${id}`],
      ["GET", "/collections/mine"],
      ["GET", `/collections/${id}/wait`],
      ["DELETE", `/collections/${id}`],
      ["POST", `/collections/${id}/documents`, { documents: [pages[0]] }],
      ["GET", `/collections/${id}/documents`],
      ["GET", `/collections/${id}/documents/${document}`],
      ["DELETE", `/collections/${id}/documents/${document}`],
      ["POST", `/collections/${id}/documents/delete`, { ids: [document] }],
      ["POST", "/search", { collections: [id], query: "lanes" }],
    ];
    for (const [method, path, body] of cases) {
      expect(await asOther(method, path, body), `${method} ${path}`).toMatchObject({
        status: 404,
        error: { code: "not_found" },
      });
    }
    expect((await asOther("GET", "/collections")).data).toEqual([]);
    expect((await asOther("POST", "/collections", { name: "mine" })).status).toBe(201);
    expect((await ask("GET", "/collections/mine")).data).toMatchObject({ id, counts: { documents: 1 } });
  });

  test("are refused what their scope does not allow", async () => {
    await ask("POST", "/collections", { name: "scoped" });
    const reader = { authorization: `Bearer ${await rest.createKey({ scopes: ["search:read"] })}` };
    const writer = { authorization: `Bearer ${await rest.createKey({ scopes: ["embeddings:write"] })}` };
    const reads: readonly (readonly [string, string, unknown?])[] = [
      ["GET", "/collections"],
      ["GET", "/collections/scoped"],
      ["GET", "/collections/scoped/wait?timeoutMs=0"],
      ["GET", "/collections/scoped/documents"],
      ["GET", "/embeddings/models"],
      ["POST", "/search", { collections: ["scoped"], query: "a" }],
    ];
    const writes: readonly (readonly [string, string, unknown?])[] = [
      ["POST", "/embeddings", { texts: ["a"] }],
      ["POST", "/collections", { name: "scoped2" }],
      ["POST", "/collections/scoped/documents", { documents: [pages[0]] }],
      ["POST", "/collections/scoped/documents/delete", { ids: ["a"] }],
      ["DELETE", "/collections/scoped/documents/lanes.md"],
      ["DELETE", "/collections/scoped"],
    ];
    for (const [allowed, refused, all] of [
      [reader, writer, reads],
      [writer, reader, writes],
    ] as const) {
      for (const [method, path, body] of all) {
        expect(await ask(method, path, body, refused), path).toMatchObject({
          status: 403,
          error: { reason: "missing_scope" },
        });
        expect((await ask(method, path, body, allowed)).status, path).toBeLessThan(300);
      }
    }
  });
});

test("who waits for a collection is answered as things stand when the service stops", async () => {
  await ask("POST", "/collections", { name: "stopping" });
  await ask("POST", "/collections/stopping/documents", { documents: pages });
  const waiting = ask("GET", "/collections/stopping/wait?timeoutMs=60000");
  rest.stop();
  expect(await waiting).toMatchObject({ status: 200, data: { counts: { pending: pages.length } } });
});
