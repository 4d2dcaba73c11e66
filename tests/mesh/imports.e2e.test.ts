import { createHash } from "node:crypto";
import type { CollectionCounts, ImportJob } from "@devmesh/models";
import { waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";

let fleet: Fleet;
beforeAll(async () => {
  fleet = await openFleet({
    workers: 2,
    models: {
      DEVMESH_EMBEDDINGS: "local",
      DEVMESH_IMPORT_LEASE_MS: "2000",
      DEVMESH_EMBEDDING_CLAIM_MS: "3000",
    },
  });
});
afterAll(() => fleet[Symbol.asyncDispose]());

interface Answer<T> {
  readonly status: number;
  readonly data: T;
  readonly error?: { readonly code: string; readonly reason?: string; readonly message: string };
}

interface Asked {
  readonly json?: unknown;
  readonly ndjson?: string | ReadableStream;
  readonly headers?: Record<string, string>;
}

async function ask<T>(method: "GET" | "POST", path: string, asked: Asked = {}): Promise<Answer<T>> {
  const body = asked.ndjson ?? (asked.json === undefined ? undefined : JSON.stringify(asked.json));
  const type = asked.ndjson === undefined ? "application/json" : "application/x-ndjson";
  const response = await fetch(`${fleet.rest.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${fleet.apiKey}`, "content-type": type, ...asked.headers },
    ...(body !== undefined && { body, duplex: "half" }),
  } as RequestInit);
  return { status: response.status, ...((await response.json()) as Omit<Answer<T>, "status">) };
}

const toLines = (count: number, from = 0): string =>
  Array.from({ length: count }, (_, n) =>
    JSON.stringify({ externalId: `d${from + n}`, content: `Agent ${from + n} pulls tasks from its lane.` }),
  ).join("\n");

const follow = (id: string): Promise<ImportJob> =>
  waitFor(async () => {
    const { data } = await ask<ImportJob>("GET", `/imports/${id}`);
    return data.finishedAt !== undefined && data;
  });

const countsOf = async (name: string): Promise<CollectionCounts> =>
  (await ask<{ readonly counts: CollectionCounts }>("GET", `/collections/${name}/wait?timeoutMs=30000`)).data.counts;

test("an import outlives the workers that are killed under it: each line counts once, all is found by vector", async () => {
  const lines = 3_000;
  await ask("POST", "/collections", { json: { name: "killed", dimensions: 256 } });
  const started = await ask<ImportJob>("POST", "/collections/killed/import", { ndjson: toLines(lines) });
  expect(started).toMatchObject({ status: 202, data: { state: "queued", size: expect.any(Number) } });
  const { id } = started.data;
  const reached = await waitFor(async () => (await ask<ImportJob>("GET", `/imports/${id}`)).data.lines);
  await Promise.all(fleet.workers.map((worker) => worker.kill()));
  expect(reached).toBeLessThan(lines);
  await Promise.all(fleet.workers.map((worker) => worker.start()));
  const job = await follow(id);
  expect(job).toMatchObject({ state: "completed", lines, counts: { created: lines, unchanged: 0, failed: 0 } });
  expect(await countsOf("killed")).toEqual({ documents: lines, chunks: lines, pending: 0, failed: 0 });
});

describe("an import over HTTP", () => {
  beforeAll(async () => {
    await ask("POST", "/collections", { json: { name: "docs", dimensions: 256 } });
  });

  test("of an object that was uploaded to S3, followed by its events to the end", async () => {
    const content = `${toLines(3)}\nnot json\n`;
    const sha256 = createHash("sha256").update(content).digest("hex");
    const { data } = await ask<{
      key: string;
      upload: { url: string; method: string; headers: Record<string, string> };
    }>("POST", "/collections/docs/import/upload", { json: { size: Buffer.byteLength(content), sha256 } });
    const { url, method, headers } = data.upload;
    expect((await fetch(url, { method, headers, body: content })).status).toBe(200);
    const key = { "idempotency-key": "import-1" };
    const started = await ask<ImportJob>("POST", "/collections/docs/import", { json: { key: data.key }, headers: key });
    const again = await ask<ImportJob>("POST", "/collections/docs/import", { json: { key: data.key }, headers: key });
    expect(again.data.id).toBe(started.data.id);
    const stream = await fetch(`${fleet.rest.url}/api/v1/imports/${started.data.id}/stream`, {
      headers: { authorization: `Bearer ${fleet.apiKey}` },
    });
    expect(stream.headers.get("content-type")).toContain("text/event-stream");
    const events = (await stream.text()).split("\n\n").filter((one) => one.startsWith("event: progress\ndata: "));
    const last = JSON.parse(events.at(-1)?.slice("event: progress\ndata: ".length) ?? "") as ImportJob;
    expect(last).toMatchObject({ state: "completed", counts: { created: 3, failed: 1 } });
    expect(last).not.toHaveProperty("errors");
    expect((await follow(started.data.id)).errors).toMatchObject([{ line: 4, error: { reason: "malformed_json" } }]);
    const listed = await ask<readonly ImportJob[]>("GET", "/collections/docs/imports");
    expect(listed.data.map(({ id }) => id)).toEqual([started.data.id]);
    const cancelled = await ask<ImportJob>("POST", `/imports/${started.data.id}/cancel`);
    expect(cancelled.data.state).toBe("completed");
  });

  test.each<readonly [string, Asked, number, string, string]>([
    ["an empty body", { ndjson: "" }, 400, "invalid_argument", "the body is empty"],
    [
      "a compressed body",
      { ndjson: "x", headers: { "content-encoding": "gzip" } },
      415,
      "invalid_argument",
      "compressed",
    ],
    [
      "a key of another prefix",
      { json: { key: "imports/other/x" } },
      400,
      "invalid_argument",
      "must begin with imports/",
    ],
    ["no key", { json: {} }, 400, "invalid_argument", "key"],
    ["more than a key", { json: { key: "a", bucket: "b" } }, 400, "invalid_argument", "bucket"],
    ["another type", { ndjson: "x", headers: { "content-type": "text/csv" } }, 415, "invalid_argument", "text/csv"],
  ])("refuses %s", async (_, asked, status, code, message) => {
    const answer = await ask("POST", "/collections/docs/import", asked);
    expect(answer).toMatchObject({ status, error: { code, message: expect.stringContaining(message) } });
  });

  test("does not find what is not there", async () => {
    const nobody = "019a0000-0000-7000-8000-000000000001";
    const key = `imports/${fleet.tenantId}/none`;
    for (const [method, path, asked] of [
      ["POST", "/collections/nothing/import", { ndjson: "{}" }],
      ["POST", "/collections/docs/import", { json: { key } }],
      ["POST", "/collections/docs/import", { json: { key: `imports/${fleet.tenantId}/../${nobody}/x` } }],
      ["GET", `/imports/${nobody}`, {}],
      ["GET", `/imports/${nobody}/stream`, {}],
      ["POST", `/imports/${nobody}/cancel`, {}],
      ["GET", "/imports/x", {}],
    ] as const) {
      const { status } = await ask(method, path, asked);
      expect([path, status]).toEqual([path, "json" in asked && asked.json.key.includes("..") ? 400 : 404]);
    }
  });
});
