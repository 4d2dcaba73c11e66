import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createApiKey, displayOf, hashApiKey } from "@devmesh/auth";
import type { ApiKeyId, TenantId } from "@devmesh/models";
import { keyRepository, migrate, migrationsDir, openPostgres } from "@devmesh/repositories";
import { createUuidV7 } from "@devmesh/runtime";
import { createTestDatabase, givenServices, startProcess } from "@devmesh/testing";
import { describe, expect, test } from "vitest";
import { envelopeOf } from "./_rest-harness.ts";

const { databaseUrl, redisUrl } = givenServices();
const pepper = "a pepper for tests";
const mainFile = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const nodeArguments = ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning", mainFile];

describe("the process", () => {
  test("lists every problem of its environment, and ends with 1", async () => {
    await using rest = await startProcess(process.execPath, nodeArguments, {
      env: { DEVMESH_REST_PORT: "no", DEVMESH_LEASE_MS: "1", DEVMESH_PEPPER: undefined },
    });
    expect((await rest.exited).code).toBe(1);
    for (const name of ["DEVMESH_REST_PORT", "DEVMESH_LEASE_MS", "DEVMESH_PEPPER"]) {
      expect(rest.output()).toContain(name);
    }
  });

  test.skipIf(databaseUrl === undefined)("hears over Redis or NOTIFY, logs no secret, and ends with 0", async () => {
    await using stack = new AsyncDisposableStack();
    const testDatabase = stack.use(
      await createTestDatabase({
        url: databaseUrl ?? "",
        migrationsDir,
        async migrate(url) {
          await using database = openPostgres({ url });
          await migrate(database);
        },
      }),
    );
    const key = await createAdminKey(testDatabase.url);
    const rest = stack.use(
      await startProcess(process.execPath, nodeArguments, {
        env: {
          DEVMESH_REST_PORT: "0",
          DEVMESH_PEPPER: pepper,
          DEVMESH_DATABASE_URL: testDatabase.url,
          DEVMESH_REDIS_URL: redisUrl,
        },
      }),
    );
    const line = await rest.waitForLine(/rest-api is ready/);
    const base = `http://127.0.0.1:${JSON.parse(line).port}`;
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const body = JSON.stringify({ type: "a", input: "a-payload" });
    const { data } = await envelopeOf(await fetch(`${base}/api/v1/tasks`, { method: "POST", headers, body }));
    const waiting = fetch(`${base}/api/v1/tasks/${data.id}/wait`, { headers });
    await fetch(`${base}/api/v1/tasks/${data.id}/cancel`, { method: "POST", headers });
    expect((await envelopeOf(await waiting)).data.state).toBe("cancelled");
    expect(await rest.stop()).toEqual({ code: 0, signal: null });
    expect(rest.output()).toContain('"route":"/api/v1/tasks/{id}/wait"');
    for (const secret of [key, pepper, "a-payload"]) expect(rest.output()).not.toContain(secret);
  });
});

async function createAdminKey(url: string): Promise<string> {
  await using database = openPostgres({ url });
  const newId = createUuidV7();
  const tenantId = newId() as TenantId;
  const keys = keyRepository(database);
  await keys.createTenant({ id: tenantId, name: "one" });
  const text = createApiKey("pat", randomBytes);
  const hash = hashApiKey(text, pepper);
  const rest = { name: "admin", display: displayOf(text), scopes: ["admin"] };
  await keys.create({ tenantId, id: newId() as ApiKeyId, kind: "pat", hash, ...rest });
  return text;
}
