import { createRateLimiter } from "@devmesh/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

const nobody = "019ad9b5-6c00-7000-8000-000000000001";
const json = { "content-type": "application/json" };

type Body = string | Uint8Array<ArrayBuffer>;

interface Case {
  readonly method: string;
  readonly path: string;
  readonly body?: Body;
  readonly headers?: Record<string, string>;
  readonly status: number;
  readonly code: string;
  readonly reason?: string;
}

const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
const postTask = (body: Body, rest: Partial<Case> = {}): Case => ({
  method: "POST",
  path: "/api/v1/tasks",
  body,
  headers: json,
  status: 400,
  code: "invalid_argument",
  ...rest,
});
const get = (path: string, status = 400, code = "invalid_argument"): Case => ({ method: "GET", path, status, code });

const cases: readonly Case[] = [
  get("/nowhere", 404, "not_found"),
  get("/api/v1/nowhere", 404, "not_found"),
  get("/api/v1", 404, "not_found"),
  get("/api/v1/tasks/", 404, "not_found"),
  get("/api/v1/tasks/%E0%A4%A", 404, "not_found"),
  { ...get("/api/v1/tasks", 405), method: "PUT", reason: "method_not_allowed" },
  { ...get("/api/v1/tasks/batch", 405), method: "DELETE", reason: "method_not_allowed" },
  { ...get("/healthz", 405), method: "POST", reason: "method_not_allowed" },
  { ...get("/docs", 405), method: "DELETE", reason: "method_not_allowed" },
  { ...get("/api/v1/openapi.json", 405), method: "POST", reason: "method_not_allowed" },
  postTask("{"),
  postTask(""),
  postTask("null"),
  postTask("[]"),
  postTask("{}"),
  postTask('{"type":"mcp.tool"}'),
  {
    ...postTask('{"name":"devmesh.tools","capabilities":[]}', { status: 403, code: "permission_denied" }),
    path: "/api/v1/agents",
  },
  postTask(new Uint8Array([0x22, 0xff, 0x22])),
  postTask(`{"type":"a","input":1e999}`),
  postTask(`{"type":"a","input":${deep(600)}}`),
  postTask(deep(100_000)),
  postTask(`{"type":"a b"}`),
  postTask(`{"type":"a","priority":10}`),
  postTask(`{"type":"a","maxAttempts":0}`),
  postTask(`{"type":"a","timeoutMs":999}`),
  postTask(`{"type":"a","dependsOn":["${nobody}"]}`),
  postTask(`{"type":"a","deadline":"2001-01-01T00:00:00Z"}`),
  postTask(`{"type":"a","input":"${"x".repeat(1_048_577)}"}`),
  postTask(`{"type":"a"}`, { headers: { ...json, "idempotency-key": "x".repeat(256) } }),
  postTask(`{"type":"a"}`, { headers: { ...json, "idempotency-key": "" } }),
  postTask(`{"type":"a"}`, { headers: { "content-type": "text/plain" }, status: 415 }),
  postTask(`{"type":"a"}`, { headers: { "content-type": "application/json; charset=latin1" }, status: 415 }),
  postTask(`{"type":"a"}`, { headers: { ...json, "content-encoding": "gzip" }, status: 415 }),
  postTask("x".repeat(4_194_305), { status: 413, code: "resource_exhausted", reason: "payload_too_large" }),
  postTask(`{"type":"a"}`, { path: "/api/v1/tasks?dry=1" }),
  postTask(`{"tasks":[]}`, { path: "/api/v1/tasks/batch" }),
  postTask(`{"tasks":{}}`, { path: "/api/v1/tasks/batch" }),
  postTask(JSON.stringify({ tasks: Array(501).fill({ type: "a" }) }), { path: "/api/v1/tasks/batch" }),
  get("/api/v1/tasks?limit=0"),
  get("/api/v1/tasks?limit=201"),
  get("/api/v1/tasks?limit=1.5"),
  get("/api/v1/tasks?limit="),
  get("/api/v1/tasks?limit=1&limit=2"),
  get("/api/v1/tasks?cursor=abc"),
  get(`/api/v1/tasks?cursor=${Buffer.from('["x","y"]').toString("base64url")}`),
  get("/api/v1/tasks?state=done"),
  get("/api/v1/tasks?type="),
  get("/api/v1/tasks?label=%00"),
  get("/api/v1/tasks?parent=x"),
  get("/api/v1/tasks?createdAfter=yesterday"),
  get("/api/v1/tasks?createdAfter=0000-01-01T00:00:00Z"),
  get("/api/v1/tasks?stat=queued"),
  get("/api/v1/tasks?__proto__=1"),
  get("/api/v1/tasks/x", 404, "not_found"),
  get(`/api/v1/tasks/${nobody}`, 404, "not_found"),
  get(`/api/v1/tasks/${nobody}?x=1`),
  get(`/api/v1/tasks/${nobody}/events`, 404, "not_found"),
  get(`/api/v1/tasks/${nobody}/events?cursor=e0`),
  get(`/api/v1/tasks/${nobody}/stream`, 404, "not_found"),
  get(`/api/v1/tasks/${nobody}/wait?timeoutMs=60001`),
  get(`/api/v1/tasks/${nobody}/wait?timeoutMs=-1`),
  get(`/api/v1/tasks/${nobody}/wait`, 404, "not_found"),
  { ...get(`/api/v1/tasks/${nobody}/cancel`, 404, "not_found"), method: "POST" },
  { ...postTask(`{"reason":7}`), path: `/api/v1/tasks/${nobody}/cancel` },
  { ...get(`/api/v1/tasks/${nobody}/retry`, 404, "not_found"), method: "POST" },
  { ...postTask("{", { path: `/api/v1/tasks/${nobody}/retry` }) },
  get("/api/v1/agents?limit=x"),
  get("/api/v1/agents?availability=asleep"),
  get("/api/v1/agents?cursor=e1"),
  get("/api/v1/agents/nobody", 404, "not_found"),
  get("/api/v1/agents/nobody/tasks", 404, "not_found"),
  get("/api/v1/agents/nobody/metrics", 404, "not_found"),
  postTask(`{"name":"a"}`, { path: "/api/v1/agents" }),
  postTask(`{"name":"a b","capabilities":[]}`, { path: "/api/v1/agents" }),
  postTask(`{"name":"a","capabilities":[{"name":"x"},{"name":"x"}]}`, { path: "/api/v1/agents" }),
  postTask(`{"name":"a","capabilities":[],"maxConcurrency":1001}`, { path: "/api/v1/agents" }),
  postTask(`{"name":"a","capabilities":[],"metadata":{"a":"\\u0000"}}`, { path: "/api/v1/agents" }),
  postTask(`{}`, { path: "/api/v1/agents/nobody", method: "PATCH", status: 404, code: "not_found" }),
  { ...get("/api/v1/agents/nobody", 404, "not_found"), method: "DELETE" },
  { ...get("/api/v1/agents/nobody/pause", 404, "not_found"), method: "POST" },
  { ...get("/api/v1/agents/nobody/resume", 404, "not_found"), method: "POST" },
  { ...get("/api/v1/agents/nobody/drain", 404, "not_found"), method: "POST" },
  { ...get("/api/v1/agents/nobody/revoke", 404, "not_found"), method: "POST" },
];

describe("bad input", () => {
  let rest: RestHarness;
  let key: string;
  beforeAll(async () => {
    rest = await openRest();
    key = await rest.createKey();
  });
  afterAll(() => rest[Symbol.asyncDispose]());

  test.each(cases.map((one, index) => ({ ...one, index })))(
    "$index: $method $path answers $status $code",
    async ({ method, path, body, headers = {}, status, code, reason }) => {
      const response = await rest.app.request(path, {
        method,
        headers: { authorization: `Bearer ${key}`, "x-request-id": "my-id", ...headers },
        ...(body !== undefined && { body }),
      });
      const envelope = await envelopeOf(response);
      expect({ status: response.status, ...envelope }).toMatchObject({ status, error: { code, requestId: "my-id" } });
      if (reason !== undefined) expect(envelope.error?.reason).toBe(reason);
      if (status === 405) expect(response.headers.get("allow")).toMatch(/[A-Z]/);
      expect(response.headers.get("x-request-id")).toBe("my-id");
      expect(Object.keys(envelope)).toEqual(["error"]);
    },
  );

  test("without a good credential nothing but the open routes answers", async () => {
    for (const headers of [{}, { authorization: "Bearer nonsense" }, { authorization: "Basic eDp5" }]) {
      for (const path of ["/api/v1/tasks", "/api/v1/agents", "/api/v1/nowhere", `/api/v1/tasks/${nobody}/stream`]) {
        const response = await rest.app.request(path, { headers });
        expect(response.status).toBe(401);
        expect(response.headers.get("www-authenticate")).toBe("Bearer");
        expect((await envelopeOf(response)).error?.code).toBe("unauthenticated");
      }
      for (const path of ["/healthz", "/readyz", "/docs", "/api/v1/openapi.json"]) {
        expect((await rest.app.request(path, { headers })).status).toBe(200);
      }
    }
  });

  test("each route asks for its scope", async () => {
    const reader = await rest.createKey({ scopes: ["tasks:read"] });
    const headers = { "x-api-key": reader, ...json };
    const get = (path: string): Response | Promise<Response> => rest.app.request(path, { headers });
    expect((await get("/api/v1/tasks")).status).toBe(200);
    expect((await get("/api/v1/agents")).status).toBe(403);
    const post = await rest.app.request("/api/v1/tasks", { method: "POST", headers, body: "{}" });
    expect(post.status).toBe(403);
    expect((await envelopeOf(post)).error?.reason).toBe("missing_scope");
  });

  test("a request id of another form is replaced", async () => {
    const response = await rest.app.request("/healthz", { headers: { "x-request-id": "x".repeat(129) } });
    expect(response.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("the rate limit", () => {
  test("refuses what comes too fast, tells what is left, and lets the next second's through", async () => {
    let now = 0;
    await using rest = await openRest({
      rateLimiter: createRateLimiter({ perSecond: 2, burst: 4, now: () => now }),
    });
    const statuses: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      const response = await rest.ask("GET", "/agents");
      statuses.push(response.status);
      expect(response.headers.get("ratelimit-policy")).toBe('"default";q=4;w=2');
      expect(response.headers.get("ratelimit")).toMatch(/^"default";r=\d;t=\d$/);
      if (response.status === 429) {
        expect(response.headers.get("retry-after")).toBe("1");
        expect((await envelopeOf(response)).error).toMatchObject({ reason: "rate_limited", retryAfterMs: 500 });
      }
    }
    expect(statuses).toEqual([200, 200, 200, 200, 429]);
    now += 500;
    expect((await rest.ask("GET", "/agents")).status).toBe(200);
    for (const path of ["/nowhere", "/healthz", "/api/v1/tasks"]) {
      expect((await rest.app.request(path)).headers.get("ratelimit")).not.toBeNull();
    }
  });
});
