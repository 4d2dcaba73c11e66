import { randomBytes } from "node:crypto";
import { memoryFanOut } from "@devmesh/adapters";
import { createApiKey, displayOf, hashApiKey, type Scope } from "@devmesh/auth";
import type { ApiKeyId, TenantId } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { type Database, keyRepository, migrate, openPglite } from "@devmesh/repositories";
import { createUuidV7, Secret } from "@devmesh/runtime";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RestConfig } from "../src/config.ts";
import { runService } from "../src/service.ts";
import { envelopeOf } from "./_rest-harness.ts";

const pepper = "a pepper for tests";
const config: RestConfig = {
  http: { host: "127.0.0.1", port: 0 },
  logLevel: "silent",
  pepper: new Secret(pepper),
  tasks: { leaseMs: 30_000, acceptMs: 10_000 },
  shutdownMs: 120_000,
  rateLimit: { perSecond: 2_000, burst: 4_000 },
  models: { provider: "local", regions: [], endpoint: undefined, claudeModel: undefined },
  tools: {
    commands: [],
    variables: [],
    allowHttp: false,
    allowPrivate: false,
    allowLoopback: false,
    secretKeys: () => [],
    kms: { region: "us-east-1", endpoint: undefined },
    checkMs: 300_000,
    breakerMs: 10_000,
  },
  stores: undefined,
};

describe("the service, on the embedded database", () => {
  let database: Database;
  let tenantId: TenantId;
  const logger = createLogger({ level: "silent", service: "rest-api" });
  const newId = createUuidV7();
  beforeAll(async () => {
    database = await openPglite();
    await migrate(database);
    tenantId = newId() as TenantId;
    await keyRepository(database).createTenant({ id: tenantId, name: "one" });
  });
  afterAll(() => database[Symbol.asyncDispose]());

  async function createKey(scopes: readonly Scope[]): Promise<string> {
    const text = createApiKey("svc", randomBytes);
    const hash = hashApiKey(text, pepper);
    const id = newId() as ApiKeyId;
    const rest = { name: "test", display: displayOf(text), scopes };
    await keyRepository(database).create({ tenantId, id, kind: "svc", hash, ...rest });
    return text;
  }

  interface Started {
    readonly base: string;
    readonly stop: () => Promise<void>;
  }

  async function start(overrides: Partial<RestConfig> = {}): Promise<Started> {
    const stopping = new AbortController();
    const ready = Promise.withResolvers<{ readonly port: number }>();
    const fanOut = memoryFanOut();
    const open = { database, fanOut, logger, onReady: ready.resolve };
    const running = runService({ ...config, ...overrides }, stopping.signal, open);
    running.catch(ready.reject);
    const { port } = await ready.promise;
    return {
      base: `http://127.0.0.1:${port}`,
      stop: async () => {
        stopping.abort();
        await running;
        await fanOut[Symbol.asyncDispose]();
      },
    };
  }

  test("serves tasks, health and metrics, and ends what waits when it stops", async () => {
    const { base, stop } = await start();
    const headers = { "x-api-key": await createKey(["admin"]), "content-type": "application/json" };
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    const ready = await envelopeOf(await fetch(`${base}/readyz`));
    expect(ready.data).toMatchObject({ status: "ready", checks: { database: { status: "up", needed: true } } });

    const body = JSON.stringify({ type: "a" });
    const submitted = await envelopeOf(await fetch(`${base}/api/v1/tasks`, { method: "POST", headers, body }));
    const stream = await fetch(`${base}/api/v1/tasks/${submitted.data.id}/stream`, { headers });
    const waiting = fetch(`${base}/api/v1/tasks/${submitted.data.id}/wait?timeoutMs=60000`, { headers });
    const cancelled = fetch(`${base}/api/v1/tasks/${submitted.data.id}/cancel`, { method: "POST", headers });
    expect((await envelopeOf(await waiting)).data.state).toBe("cancelled");
    expect((await cancelled).status).toBe(200);
    expect(await stream.text()).toContain("event: task.cancelled");

    expect((await fetch(`${base}/metrics`)).status).toBe(401);
    const reader = { "x-api-key": await createKey(["tasks:read"]) };
    expect((await fetch(`${base}/metrics`, { headers: reader })).status).toBe(403);
    const metrics = await (await fetch(`${base}/metrics`, { headers })).text();
    expect(metrics).toContain('devmesh_http_requests_total{method="POST",route="/api/v1/tasks",status="201"');
    expect(metrics).toContain("devmesh_task_watches");
    expect(metrics).not.toContain(submitted.data.id);

    const second = await envelopeOf(await fetch(`${base}/api/v1/tasks`, { method: "POST", headers, body }));
    const open = await fetch(`${base}/api/v1/tasks/${second.data.id}/stream`, { headers });
    const startedAt = performance.now();
    const stopped = stop();
    await open.text();
    await stopped;
    expect(performance.now() - startedAt).toBeLessThan(60_000);
    await expect(fetch(`${base}/healthz`)).rejects.toThrow();
  });

  test("a port that is taken is one clear line that names the variable", async () => {
    const { base, stop } = await start();
    const port = Number(new URL(base).port);
    await expect(start({ http: { host: "127.0.0.1", port } })).rejects.toThrow("DEVMESH_REST_PORT");
    await stop();
  });
});
