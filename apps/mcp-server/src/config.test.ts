import { storesOf } from "@devmesh/runtime";
import { expect, test } from "vitest";
import { readEnv, toConfig } from "./config.ts";

const pepper = "a pepper of some length";

test("has a default for all but the pepper", () => {
  expect(toConfig(readEnv({ DEVMESH_PEPPER: pepper }))).toMatchObject({
    http: { host: "127.0.0.1", port: 8081 },
    heartbeatMs: 15_000,
    tasks: { leaseMs: 30_000, acceptMs: 10_000 },
    shutdownMs: 25_000,
    presenceMs: 120_000,
    maxTaskDepth: 8,
    stores: undefined,
  });
});

test("lists every problem of the environment by name", () => {
  const env = { DEVMESH_MCP_PORT: "70000", DEVMESH_HEARTBEAT_MS: "1", DEVMESH_DATABASE_URL: "mysql://x" };
  expect(() => readEnv(env)).toThrow(
    expect.objectContaining({
      code: "invalid_argument",
      details: ["DEVMESH_DATABASE_URL", "DEVMESH_MCP_PORT", "DEVMESH_PEPPER", "DEVMESH_HEARTBEAT_MS"].map((path) =>
        expect.objectContaining({ path }),
      ),
    }),
  );
});

test("refuses conformance fixtures in production, and checks what tools answer elsewhere", () => {
  const env = { DEVMESH_PEPPER: pepper, DEVMESH_MCP_CONFORMANCE_FIXTURES: "true" };
  expect(toConfig(readEnv(env)).mcp).toMatchObject({ conformanceFixtures: true, checksOutput: true });
  expect(() => readEnv({ ...env, NODE_ENV: "production" })).toThrow(/CONFORMANCE_FIXTURES .*production/);
  expect(toConfig(readEnv({ DEVMESH_PEPPER: pepper, NODE_ENV: "production" })).mcp.checksOutput).toBe(false);
});

test("needs a database where the process opens its own", () => {
  expect(() => readEnv({ DEVMESH_MCP_PORT: "x" }, { ownStores: true })).toThrow(
    /DEVMESH_MCP_PORT .*DEVMESH_PEPPER .*DEVMESH_DATABASE_URL is required/,
  );
  expect(() => storesOf(toConfig(readEnv({ DEVMESH_PEPPER: pepper })))).toThrow("assertion failed");
});
