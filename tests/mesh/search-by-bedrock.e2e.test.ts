import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BedrockProcess, startBedrock } from "../kit/bedrock.ts";
import { type Fleet, openFleet } from "../kit/fleet.ts";

const titan = "amazon.titan-embed-text-v2:0";

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read whatever shape they expect, and fail where it is another
  readonly data?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly meta?: any;
  readonly error?: { readonly code: string; readonly message: string };
}

describe("the mesh with Bedrock, over HTTP/2", () => {
  let bedrock: BedrockProcess;
  let fleet: Fleet;
  beforeAll(async () => {
    bedrock = await startBedrock();
    fleet = await openFleet({ redis: true, models: { DEVMESH_BEDROCK_ENDPOINT: bedrock.endpoint } });
  });
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await bedrock?.[Symbol.asyncDispose]();
  });

  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${fleet.rest.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${fleet.apiKey}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, ...((await response.json()) as Omit<Answer, "status">) };
  }

  test("embeds by the model that is named, and tells what it cost", async () => {
    const long = "x".repeat(3_000);
    const { data, meta } = await ask("POST", "/embeddings", {
      texts: ["How does a task travel?", long, "How does a task travel?"],
      model: "cohere.embed-english-v3",
      purpose: "query",
    });
    expect(data).toMatchObject({ model: "cohere.embed-english-v3", dimensions: 1024 });
    expect(data.embeddings[0].embedding).toHaveLength(1024);
    expect(data.embeddings[1].error).toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/texts\[1\].*2048/),
    });
    expect(data.embeddings[2]).toEqual(data.embeddings[0]);
    expect(meta.reused).toBe(1);
    expect(meta.usage.inputTokens).toBeGreaterThan(0);
    const { data: models } = await ask("GET", "/embeddings/models");
    expect(models.every((one: { available: boolean }) => one.available)).toBe(true);
  });

  test("keeps documents by Titan's vectors, finds them, and goes on by words while Titan is away", async () => {
    const made = await ask("POST", "/collections", { name: "titan", model: titan, dimensions: 512, storage: "vector" });
    expect(made).toMatchObject({ status: 201, data: { model: titan, dimensions: 512 } });
    const documents = [
      { externalId: "lanes", content: "Tasks with equal requirements share a lane, and agents pull the best of them." },
      { externalId: "leases", content: "When the lease of an assignment ends, another agent gets the task." },
      { externalId: "bread", content: "Flour, water and salt become bread in a hot oven." },
    ];
    await ask("POST", "/collections/titan/documents", { documents });
    const waited = await ask("GET", "/collections/titan/wait?timeoutMs=30000");
    expect(waited.data.counts).toEqual({ documents: 3, chunks: 3, pending: 0, failed: 0 });

    const search = (terms: object): Promise<Answer> =>
      ask("POST", "/search", { collections: ["titan"], explain: true, ...terms });
    const found = await search({ query: "who gets the task when a lease ends", mode: "vector" });
    expect(found.data.hits[0]).toMatchObject({ externalId: "leases", ranks: { vector: { rank: 1 } } });
    expect(found.meta.explain).toMatchObject({ models: [titan], query: { dimensions: 512, isFromCache: false } });

    await bedrock.setFaults([{ kind: "fail", modelId: titan }]);
    const query = "bread from the oven";
    expect(await search({ query, mode: "vector" })).toMatchObject({ status: 503, error: { code: "unavailable" } });
    const degraded = await search({ query });
    expect(degraded).toMatchObject({
      status: 200,
      data: { hits: [{ externalId: "bread", ranks: { text: { rank: 1 } } }] },
      meta: { mode: "text", degraded: { code: "unavailable" } },
    });
    expect(await ask("GET", "/collections/titan")).toMatchObject({ status: 200 });
    const ready = await fetch(`${fleet.rest.url}/readyz`);
    expect(ready.status).toBe(200);
    await ready.body?.cancel();
    await bedrock.setFaults([]);
    // what Titan embedded before is in the caches, whatever became of Titan
    const again = await search({ query: "who gets the task when a lease ends" });
    expect(again.meta).toMatchObject({ mode: "hybrid", explain: { query: { isFromCache: true } } });
  });

  test("waits while Titan throttles: documents are found by text, and none is lost", async () => {
    await ask("POST", "/collections", { name: "throttled", model: titan, dimensions: 256 });
    await bedrock.setFaults([{ kind: "throttle", modelId: titan, times: 20 }]);
    const documents = Array.from({ length: 60 }, (_, n) => ({ externalId: `d${n}`, content: `Harbour number ${n}.` }));
    await ask("POST", "/collections/throttled/documents", { documents });
    const found = await ask("POST", "/search", { collections: ["throttled"], query: "harbour", mode: "text" });
    expect(found.data.hits).toHaveLength(10);
    const waited = await ask("GET", "/collections/throttled/wait?timeoutMs=60000");
    await bedrock.setFaults([]);
    expect(waited.data.counts).toEqual({ documents: 60, chunks: 60, pending: 0, failed: 0 });
  });

  test("charges the tenant, by model and day", async () => {
    const { data } = await ask("GET", "/usage?groupBy=model");
    const spent = data.find((one: { model?: string }) => one.model === titan);
    expect(spent.inputTokens).toBeGreaterThan(0);
    expect(spent.costMicroUsd).toBeGreaterThan(0);
  });
});
