import { storesOf } from "@devmesh/runtime";
import { describe, expect, it } from "vitest";
import { readEnv, readMigrateEnv, toConfig } from "./config.ts";

const pepper = "0123456789abcdef";

describe("the worker's environment", () => {
  it("has defaults for all but the pepper", () => {
    const config = toConfig(readEnv({ DEVMESH_PEPPER: pepper }));
    expect(config).toMatchObject({
      http: { host: "127.0.0.1", port: 8082 },
      tasks: { leaseMs: 30_000, acceptMs: 10_000 },
      stores: undefined,
      embedding: { claimMs: 600_000, importLeaseMs: 60_000 },
    });
    expect(() => storesOf(config)).toThrow("assertion failed");
  });

  it("lists all problems at once", () => {
    const env = { DEVMESH_DATABASE_URL: "mysql://x", DEVMESH_WORKER_PORT: "70000", DEVMESH_LEASE_MS: "soon" };
    expect(() => readEnv(env, { ownStores: true })).toThrow(
      /DEVMESH_DATABASE_URL .*DEVMESH_WORKER_PORT .*DEVMESH_PEPPER .*DEVMESH_LEASE_MS .*DEVMESH_QUEUE_TASKS_URL/,
    );
    expect(() => readEnv({ DEVMESH_WORKER_PORT: "70000" }, { ownStores: true })).toThrow(
      /DEVMESH_WORKER_PORT .*DEVMESH_PEPPER .*DEVMESH_DATABASE_URL is required.*DEVMESH_QUEUE_TASKS_URL/,
    );
  });

  it("needs a queue's URL where no endpoint is given", () => {
    const env = { DEVMESH_PEPPER: pepper, DEVMESH_DATABASE_URL: "postgres://localhost/mesh" };
    expect(() => readEnv(env, { ownStores: true })).toThrow(
      /DEVMESH_QUEUE_TASKS_URL is required.*DEVMESH_QUEUE_EMBEDDINGS_URL is required/,
    );
    const raw = readEnv({ ...env, DEVMESH_AWS_ENDPOINT: "http://127.0.0.1:4566" }, { ownStores: true });
    expect(storesOf(toConfig(raw)).tasksQueue.endpoint).toBe("http://127.0.0.1:4566");
  });

  it("migrates with the database's URL alone", () => {
    expect(() => readMigrateEnv({})).toThrow("DEVMESH_DATABASE_URL is required");
    expect(readMigrateEnv({ DEVMESH_DATABASE_URL: "postgres://a:b@h/d" }).databaseUrl.reveal()).toContain("a:b");
  });
});
