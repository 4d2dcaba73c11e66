import { AppError } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";

const whole = { DEVMESH_PEPPER: "0123456789abcdef", DEVMESH_DATABASE_URL: "postgres://localhost/mesh" };

describe("the configuration", () => {
  test("has defaults for all but secrets", () => {
    const { service, database, redisUrl, logLevel } = readConfig(whole);
    expect(service).toMatchObject({ host: "127.0.0.1", port: 8080, leaseMs: 30_000, rateLimitPerSecond: 2_000 });
    expect(database.maxConnections).toBe(10);
    expect(redisUrl).toBeUndefined();
    expect(logLevel).toBe("info");
  });

  test("lists every problem of the environment at once, by name", () => {
    const env = { DEVMESH_REST_PORT: "70000", DEVMESH_LEASE_MS: "soon", DEVMESH_REDIS_URL: "http://x" };
    const caught = (() => {
      try {
        return readConfig(env);
      } catch (error) {
        return error;
      }
    })();
    expect(caught).toBeInstanceOf(AppError);
    const { message } = caught as AppError;
    for (const name of [...Object.keys(env), "DEVMESH_PEPPER", "DEVMESH_DATABASE_URL"]) expect(message).toContain(name);
  });
});
