import { AppError } from "@devmesh/models";
import { storesOf } from "@devmesh/runtime";
import { describe, expect, test } from "vitest";
import { readEnv, toConfig } from "./config.ts";

describe("the configuration", () => {
  test("has defaults for all but secrets", () => {
    const config = toConfig(readEnv({ DEVMESH_PEPPER: "0123456789abcdef" }));
    expect(config).toMatchObject({
      http: { host: "127.0.0.1", port: 8080 },
      tasks: { leaseMs: 30_000, acceptMs: 10_000 },
      rateLimit: { perSecond: 2_000, burst: 4_000 },
      logLevel: "info",
      stores: undefined,
    });
    expect(() => storesOf(config)).toThrow("assertion failed");
    expect(JSON.stringify(config)).not.toContain("0123456789abcdef");
  });

  test("0 turns the rate limit off", () => {
    const env = { DEVMESH_PEPPER: "0123456789abcdef", DEVMESH_RATE_LIMIT_PER_SECOND: "0" };
    expect(toConfig(readEnv(env)).rateLimit).toBeUndefined();
  });

  test("has a bucket where one is named, or a stand-in", () => {
    const env = { DEVMESH_PEPPER: "0123456789abcdef", DEVMESH_DATABASE_URL: "postgres://a/b" };
    const bucketOf = (more: Record<string, string>): unknown => toConfig(readEnv({ ...env, ...more })).stores?.objects;
    expect(bucketOf({})).toBeUndefined();
    expect(bucketOf({ DEVMESH_CONTEXTS_BUCKET: "ours" })).toMatchObject({ bucket: "ours", endpoint: undefined });
    const endpoint = "http://127.0.0.1:4566";
    expect(bucketOf({ DEVMESH_AWS_ENDPOINT: endpoint })).toMatchObject({ bucket: "devmesh-contexts", endpoint });
  });

  test("lists every problem of the environment at once, by name", () => {
    const env = { DEVMESH_REST_PORT: "70000", DEVMESH_LEASE_MS: "soon", DEVMESH_REDIS_URL: "http://x" };
    const caught = (() => {
      try {
        return readEnv(env, { ownStores: true });
      } catch (error) {
        return error;
      }
    })();
    expect(caught).toBeInstanceOf(AppError);
    const { message } = caught as AppError;
    for (const name of [...Object.keys(env), "DEVMESH_PEPPER", "DEVMESH_DATABASE_URL"]) expect(message).toContain(name);
  });
});
