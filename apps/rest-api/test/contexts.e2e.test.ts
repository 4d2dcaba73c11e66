import { createHash, randomUUID } from "node:crypto";
import { type Objects, openObjects } from "@devmesh/adapters";
import { AppError, type ContextId, type FieldProblem } from "@devmesh/models";
import { sql } from "@devmesh/repositories";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Envelope, envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

let server: FauxqsServer;
let objects: Objects & AsyncDisposable;
let rest: RestHarness;
let nudges = 0;
let isStoring = true;

beforeAll(async () => {
  server = await startFauxqs({ port: 0, logger: false });
  objects = openObjects({ bucket: "contexts", region: "us-east-1", endpoint: `http://127.0.0.1:${server.port}` });
  rest = await openRest({
    objects: {
      ...objects,
      put: (...args) =>
        isStoring ? objects.put(...args) : Promise.reject(new AppError("unavailable", "s3 put is unavailable")),
    },
    nudgeContexts: () => {
      nudges += 1;
    },
  });
});
afterAll(async () => {
  await rest[Symbol.asyncDispose]();
  await objects[Symbol.asyncDispose]();
  await server.stop();
});

const text = "# Incident\n\nThe migration took a lock on the ledger.\n";
const sha256Of = (content: string): string => createHash("sha256").update(content).digest("hex");
const uploadOf = (content: string, more: object = {}): object => ({
  name: "incident.md",
  mediaType: "text/markdown",
  size: Buffer.byteLength(content),
  sha256: sha256Of(content),
  ...more,
});

async function ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Envelope> {
  return envelopeOf(await rest.ask(method, path, body, headers));
}
async function create(more: object = {}): Promise<NonNullable<Envelope["data"]>> {
  const response = await rest.ask("POST", "/contexts", uploadOf(text, more));
  expect(response.status).toBe(201);
  return (await envelopeOf(response)).data;
}
async function put(
  upload: { url: string; method: string; headers: Record<string, string> },
  body: string,
): Promise<void> {
  const { status } = await fetch(upload.url, { method: upload.method, headers: upload.headers, body });
  expect(status).toBe(200);
}
async function createReady(more: object = {}): Promise<NonNullable<Envelope["data"]>> {
  const made = await create(more);
  await put(made.upload, text);
  return (await ask("POST", `/contexts/${made.id}/complete`, {})).data;
}
const keyOf = (id: ContextId): string => `contexts/${rest.tenantId}/${id}`;
const backdate = (id: string, column: "expires_at" | "upload_until"): Promise<unknown> =>
  rest.database.queryAs(
    { role: "devmesh_engine" },
    column === "expires_at"
      ? sql`update context set expires_at = now() - interval '1 second' where id = ${id}`
      : sql`update context set upload_until = now() - interval '1 second' where id = ${id}`,
  );

describe("an upload", () => {
  it("is begun by a signed request, completed by what lies in S3, and read by another", async () => {
    const made = await create({ metadata: { service: "billing" } });
    expect(made).toMatchObject({
      name: "incident.md",
      mediaType: "text/markdown",
      size: 53,
      state: "uploading",
      metadata: { service: "billing" },
      summary: { state: "pending" },
      embedding: { state: "pending" },
      upload: { method: "PUT", headers: { "content-length": "53", "content-type": "text/markdown" } },
    });
    expect(Date.parse(made.expiresAt) - Date.parse(made.createdAt)).toBe(30 * 86_400_000);
    expect(Date.parse(made.upload.expiresAt) - Date.parse(made.createdAt)).toBeLessThanOrEqual(3_601_000);
    await put(made.upload, text);
    const before = nudges;
    const { data } = await ask("POST", `/contexts/${made.id}/complete`);
    expect(data).toMatchObject({ id: made.id, state: "ready", readyAt: expect.any(String) });
    expect(data).not.toHaveProperty("upload");
    expect(nudges).toBe(before + 1);
    const download = await ask("GET", `/contexts/${made.id}/download?expiresInSeconds=60`);
    expect(download.data).toMatchObject({ method: "GET", expiresAt: expect.any(String) });
    expect(await (await fetch(download.data.url)).text()).toBe(text);
    expect((await ask("GET", `/contexts/${made.id}`)).data).toMatchObject({ id: made.id, state: "ready" });
  });

  it("may be completed any number of times, also when the object is gone by then", async () => {
    const ready = await createReady();
    await objects.delete([keyOf(ready.id)]);
    expect((await ask("POST", `/contexts/${ready.id}/complete`)).data).toEqual(ready);
  });

  it("is refused before it is there, and when it is another size: that object is removed", async () => {
    const made = await create();
    expect((await ask("POST", `/contexts/${made.id}/complete`)).error).toMatchObject({
      code: "failed_precondition",
      reason: "not_uploaded",
    });
    await put({ ...made.upload, headers: { "content-type": "text/markdown" } }, "something else");
    expect((await ask("POST", `/contexts/${made.id}/complete`)).error).toMatchObject({
      code: "failed_precondition",
      reason: "upload_mismatch",
      message: expect.stringContaining("14 bytes, not 53"),
      details: { expected: { size: 53, sha256: sha256Of(text) }, found: { size: 14 } },
    });
    expect(await objects.head(keyOf(made.id))).toBeUndefined();
    // it still waits for the right one
    await put(made.upload, text);
    expect((await ask("POST", `/contexts/${made.id}/complete`)).data).toMatchObject({ state: "ready" });
  });

  it("is refused with another checksum, or none", async () => {
    // the stand-in keeps the checksum that it is told and compares nothing: what S3 refuses itself is told to it so
    const other = createHash("sha256").update("x".repeat(53)).digest("base64");
    for (const checksum of [{ "x-amz-checksum-sha256": other }, {}] as Record<string, string>[]) {
      const made = await create();
      await put({ ...made.upload, headers: { "content-type": "text/markdown", ...checksum } }, "x".repeat(53));
      expect((await ask("POST", `/contexts/${made.id}/complete`)).error).toMatchObject({
        code: "failed_precondition",
        reason: "upload_mismatch",
        message: expect.stringContaining("SHA-256"),
      });
      expect(await objects.head(keyOf(made.id))).toBeUndefined();
    }
  });

  it("can't be completed after its day", async () => {
    const made = await create();
    await put(made.upload, text);
    await backdate(made.id, "upload_until");
    expect((await ask("POST", `/contexts/${made.id}/complete`)).error).toMatchObject({ reason: "expired" });
    expect((await ask("GET", `/contexts/${made.id}`)).data).toMatchObject({ state: "expired" });
  });

  it("answers a repeated key with the context it made, and a fresh way to upload it", async () => {
    const key = { "idempotency-key": randomUUID() };
    const first = await rest.ask("POST", "/contexts", uploadOf(text), key);
    expect(first.headers.get("idempotent-replay")).toBeNull();
    const made = (await envelopeOf(first)).data;
    const again = await rest.ask("POST", "/contexts", uploadOf(text), key);
    expect(again.status).toBe(201);
    expect(again.headers.get("idempotent-replay")).toBe("true");
    expect((await envelopeOf(again)).data).toMatchObject({ id: made.id, upload: { method: "PUT" } });
    expect((await ask("POST", "/contexts", uploadOf("other"), key)).error).toMatchObject({
      code: "conflict",
      reason: "idempotency_key_reused",
    });
  });
});

describe("a short text", () => {
  it("is ready at once", async () => {
    const before = nudges;
    const { data } = await ask("POST", "/contexts", { name: "note.txt", mediaType: "text/plain", content: "Grüße" });
    expect(data).toMatchObject({ state: "ready", size: 7, sha256: sha256Of("Grüße"), summary: { state: "pending" } });
    expect(data).not.toHaveProperty("upload");
    expect(nudges).toBe(before + 1);
    const download = await ask("GET", `/contexts/${data.id}/download`);
    expect(await (await fetch(download.data.url)).text()).toBe("Grüße");
  });

  it("that could not be stored is stored by the same key", async () => {
    const body = { name: "note.txt", mediaType: "text/plain", content: "again", embed: false };
    const key = { "idempotency-key": randomUUID() };
    isStoring = false;
    expect((await ask("POST", "/contexts", body, key)).error?.code).toBe("unavailable");
    isStoring = true;
    const { data } = await ask("POST", "/contexts", body, key);
    expect(data).toMatchObject({ state: "ready", embedding: { state: "none" } });
  });
});

describe("bad input", () => {
  it.each<[string, object]>([
    ["mediaType", { mediaType: "markdown" }],
    ["size", { size: 5_368_709_121 }],
    ["size", { size: 0 }],
    ["sha256", { sha256: "abc" }],
    ["expiresInSeconds", { expiresInSeconds: 5 }],
    ["summarize", { mediaType: "image/png", summarize: true }],
    ["size", { content: "both" }],
    ["unknown", { unknown: 1 }],
  ])("names %s", async (path, change) => {
    const response = await rest.ask("POST", "/contexts", uploadOf(text, change));
    expect(response.status).toBe(400);
    const { error } = await envelopeOf(response);
    expect(error?.code).toBe("invalid_argument");
    expect(((error?.details ?? []) as FieldProblem[]).map((problem) => problem.path)).toContain(path);
  });

  it("of paths and queries is answered", async () => {
    expect((await ask("GET", "/contexts/nonsense")).error).toMatchObject({ code: "not_found" });
    expect((await ask("GET", `/contexts/${randomUUID()}`)).error).toMatchObject({ code: "not_found" });
    expect((await ask("POST", `/contexts/${randomUUID()}/complete`)).error).toMatchObject({ code: "not_found" });
    expect((await ask("DELETE", `/contexts/${randomUUID()}`)).error).toMatchObject({ code: "not_found" });
    expect((await ask("GET", `/contexts/${randomUUID()}/download`)).error).toMatchObject({ code: "not_found" });
    const ready = await createReady();
    for (const query of ["expiresInSeconds=0", "expiresInSeconds=3601", "expiresInSeconds=x"]) {
      expect((await ask("GET", `/contexts/${ready.id}/download?${query}`)).error?.code).toBe("invalid_argument");
    }
    expect((await ask("GET", "/contexts?state=gone")).error?.code).toBe("invalid_argument");
    expect((await ask("POST", "/contexts/search", { query: "x", contexts: ["y"] })).error?.code).toBe(
      "invalid_argument",
    );
    expect((await ask("POST", "/contexts/search", { query: "x", filter: { field: "a" } })).error?.code).toBe(
      "invalid_argument",
    );
  });

  it("of another tenant is not found, and needs its scope", async () => {
    const made = await createReady();
    const foreign = await rest.createKey({ tenantId: await rest.createTenant() });
    const reader = await rest.createKey({ scopes: ["contexts:read"] });
    const as = (key: string, method: string, path: string, body?: unknown): Promise<Envelope> =>
      ask(method, path, body, { authorization: `Bearer ${key}` });
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/download"],
      ["POST", "/complete"],
      ["DELETE", ""],
    ] as const) {
      expect((await as(foreign, method, `/contexts/${made.id}${path}`)).error?.code).toBe("not_found");
    }
    expect((await as(foreign, "GET", "/contexts")).data).toEqual([]);
    expect((await as(reader, "GET", `/contexts/${made.id}/download`)).data).toHaveProperty("url");
    expect((await as(reader, "POST", "/contexts", uploadOf(text))).error?.code).toBe("permission_denied");
    expect((await as(reader, "DELETE", `/contexts/${made.id}`)).error?.code).toBe("permission_denied");
  });
});

describe("a context", () => {
  it("is listed, by state and page by page", async () => {
    const key = await rest.createKey({ tenantId: await rest.createTenant() });
    const headers = { authorization: `Bearer ${key}` };
    const ids: string[] = [];
    for (const name of ["a", "b", "c"])
      ids.unshift((await ask("POST", "/contexts", uploadOf(text, { name }), headers)).data.id);
    const first = await ask("GET", "/contexts?limit=2&state=uploading", undefined, headers);
    expect(first.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    const rest2 = await ask("GET", `/contexts?limit=2&cursor=${first.meta?.nextCursor}`, undefined, headers);
    expect(rest2.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
    expect((await ask("GET", "/contexts?state=ready", undefined, headers)).data).toEqual([]);
  });

  it("that has expired says so, and is not given out", async () => {
    const { id } = await createReady();
    await backdate(id, "expires_at");
    expect((await ask("GET", `/contexts/${id}`)).data).toMatchObject({ state: "expired" });
    const refused = { code: "failed_precondition", reason: "expired" };
    expect((await ask("GET", `/contexts/${id}/download`)).error).toMatchObject(refused);
    expect((await ask("POST", `/contexts/${id}/complete`)).error).toMatchObject({ ...refused, code: refused.code });
  });

  it("that is not uploaded is not given out", async () => {
    const { id } = await create();
    expect((await ask("GET", `/contexts/${id}/download`)).error).toMatchObject({ reason: "not_uploaded" });
  });

  it("that is deleted is gone at once", async () => {
    const { id } = await createReady();
    expect((await ask("DELETE", `/contexts/${id}`)).data).toMatchObject({ id });
    expect((await ask("GET", `/contexts/${id}`)).error?.code).toBe("not_found");
    expect((await ask("DELETE", `/contexts/${id}`)).error?.code).toBe("not_found");
  });

  it("is offered by no mesh without a bucket", async () => {
    await using other = await openRest();
    const answer = await envelopeOf(await other.ask("POST", "/contexts", uploadOf(text)));
    expect(answer.error).toMatchObject({ code: "failed_precondition", reason: "not_configured" });
  });
});

describe("a task", () => {
  it("refers to contexts that can be read, and shows them", async () => {
    const { id } = await createReady();
    const { data } = await ask("POST", "/tasks", { type: "t", contexts: [id.toUpperCase(), id] });
    expect(data.contexts).toEqual([id]);
    expect((await ask("GET", `/tasks/${data.id}`)).data.contexts).toEqual([id]);
    const plain = await ask("POST", "/tasks", { type: "t", contexts: [] });
    expect(plain.data).not.toHaveProperty("contexts");
  });

  it("that refers to others is refused by their index, alone in its batch", async () => {
    const ready = await createReady();
    const waiting = await create();
    const over = await createReady();
    await backdate(over.id, "expires_at");
    const gone = await createReady();
    await ask("DELETE", `/contexts/${gone.id}`);
    const foreignKey = await rest.createKey({ tenantId: await rest.createTenant() });
    const headers = { authorization: `Bearer ${foreignKey}` };
    const foreign = await ask("POST", "/contexts", { name: "a", mediaType: "text/plain", content: "a" }, headers);
    const bad = [
      [[waiting.id], "contexts[0]: context", "is not uploaded yet"],
      [[ready.id, over.id], "contexts[1]: context", "has expired"],
      [[ready.id, gone.id], "contexts[1]: no context", gone.id],
      [[foreign.data.id], "contexts[0]: no context", foreign.data.id],
      [[ready.id, randomUUID()], "contexts[1]: no context", ""],
      [["nonsense"], "contexts[0]: must be a context id", ""],
      [Array(21).fill(ready.id), "contexts", ""],
    ] as const;
    const tasks = [{ type: "t", contexts: [ready.id] }, ...bad.map(([contexts]) => ({ type: "t", contexts }))];
    const { data } = await ask("POST", "/tasks/batch", { tasks });
    expect(data[0].task.contexts).toEqual([ready.id]);
    for (const [index, [, start, end]] of bad.entries()) {
      const { error } = data[index + 1];
      expect(error).toMatchObject({ code: "invalid_argument" });
      expect(error.message).toContain(start);
      expect(error.message).toContain(end);
    }
  });
});
