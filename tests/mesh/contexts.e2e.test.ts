import { createHash } from "node:crypto";
import { connectAgent } from "@devmesh/agent-sdk";
import type { StoredContext, Task } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";

let fleet: Fleet;
beforeAll(async () => {
  fleet = await openFleet({ models: { DEVMESH_EMBEDDINGS: "local" } });
});
afterAll(() => fleet[Symbol.asyncDispose]());

async function api<T>(method: "GET" | "POST", path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${fleet.rest.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${fleet.apiKey}`, "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as { readonly data: T; readonly error?: unknown };
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

type Presigned = { readonly method: string; readonly url: string; readonly headers: Record<string, string> };

const text = "The harbour of Skagen freezes in hard winters.\nIts pilots then walk over the ice to the ships.\n";

async function upload(content: string): Promise<StoredContext> {
  const made = await api<StoredContext & { readonly upload: Presigned }>("POST", "/contexts", {
    name: "harbour.txt",
    mediaType: "text/plain",
    size: Buffer.byteLength(content),
    sha256: createHash("sha256").update(content).digest("hex"),
  });
  const { method, url, headers } = made.upload;
  const stored = await fetch(url, { method, headers, body: content });
  if (!stored.ok) throw new Error(`the upload was answered ${stored.status}`);
  return api<StoredContext>("POST", `/contexts/${made.id}/complete`);
}

/** As an agent reads what its task names. */
async function read(contextId: string): Promise<string> {
  const { url } = await api<Presigned>("GET", `/contexts/${contextId}/download`);
  return (await fetch(url)).text();
}

test("an agent reads the contexts of its task by presigned URLs, and hands others on to a child", async () => {
  const [first, second] = [await upload(text), await upload("second")];
  const url = `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`;
  const capabilities = [{ name: "summarise" }, { name: "count" }];
  await using agent = await connectAgent({ url, apiKey: fleet.apiKey, name: "reader", capabilities, graceMs: 0 });
  const seen: unknown[] = [];
  const handled = agent.handle({
    summarise: async (task, ctx) => {
      seen.push(task.contexts);
      const unknown = { type: "count", contexts: [first.id, "019ad9b5-6c00-7000-8000-0000000000ff"] };
      const refusal = await ctx.submit(unknown).catch((error: Error) => error.message);
      const [child] = await ctx.delegate([{ type: "count", contexts: [second.id] }]);
      return { text: await read(task.contexts?.[0] ?? ""), child: child?.output, refusal };
    },
    count: async (task) => {
      seen.push(task.contexts);
      return (await read(task.contexts?.[0] ?? "")).length;
    },
  });
  handled.catch(() => undefined);
  const { id, contexts } = await api<Task>("POST", "/tasks", { type: "summarise", contexts: [first.id] });
  expect(contexts).toEqual([first.id]);
  const done = await waitFor(
    async () => {
      const task = await api<Task>("GET", `/tasks/${id}`);
      return task.state === "completed" ? task : undefined;
    },
    { what: "the task" },
  );
  const refusal = expect.stringContaining("contexts[1]: no context 019ad9b5-6c00-7000-8000-0000000000ff");
  expect(done.output).toEqual({ text, child: 6, refusal });
  expect(seen).toEqual([[first.id], [second.id]]);
});

test("what was uploaded is summed up, and found by its words and then by its meaning", async () => {
  const { id } = await upload(text);
  const made = await waitFor(
    async () => {
      const context = await api<StoredContext>("GET", `/contexts/${id}`);
      return context.summary.state === "done" && context.embedding.state === "done" ? context : undefined;
    },
    { what: "summary and embedding" },
  );
  expect(made.summary.text).toContain("harbour");
  interface Hits {
    readonly hits: readonly { readonly contextId: string; readonly content: string; readonly ranks: object }[];
  }
  const search = (mode: string): Promise<Hits> =>
    api("POST", "/contexts/search", { query: "pilots on the ice", mode, contexts: [id] });
  const { hits } = await search("text");
  expect(hits).toMatchObject([{ contextId: id, name: "harbour.txt", position: { startByte: 0, start: 0 } }]);
  const byVector = await waitFor(
    async () => {
      const { hits: found } = await search("vector");
      return found.length > 0 ? found : undefined;
    },
    { what: "the vectors" },
  );
  expect(byVector[0]).toMatchObject({ contextId: id, ranks: { vector: { rank: 1 } } });
});

test("with S3 away the API stays ready, tells what waits, and goes on when it is back", async () => {
  const objectsOf = async (): Promise<string> => {
    const response = await fetch(`${fleet.rest.url}/readyz`);
    expect(response.status).toBe(200);
    const { data } = (await response.json()) as { readonly data: { readonly checks: { objects: { status: string } } } };
    return data.checks.objects.status;
  };
  const isThere = (status: string): Promise<boolean> =>
    waitFor(async () => (await objectsOf()) === status, { what: `S3 to be ${status}` });
  await isThere("up");
  const waiting = await api<StoredContext>("POST", "/contexts", {
    name: "late.bin",
    mediaType: "application/octet-stream",
    size: 1,
    sha256: "0".repeat(64),
  });
  await fleet.queue.stop();
  await isThere("down");
  await expect(api("POST", `/contexts/${waiting.id}/complete`)).rejects.toThrow(/unavailable/);
  const inline = { name: "a", mediaType: "text/plain", content: "text" };
  await expect(api("POST", "/contexts", inline)).rejects.toThrow(/unavailable/);
  await fleet.queue.start();
  await isThere("up");
  await expect(api("POST", `/contexts/${waiting.id}/complete`)).rejects.toThrow(/not_uploaded/);
  const { state } = await waitFor(() => api<StoredContext>("POST", "/contexts", inline).catch(() => undefined), {
    what: "the breaker to close",
  });
  expect(state).toBe("ready");
});
