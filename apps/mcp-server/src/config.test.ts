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

test("reads how /mcp is reached, and signs with the pepper where no key is given", () => {
  const { mcp } = toConfig(readEnv({ DEVMESH_PEPPER: pepper }));
  expect(mcp).toMatchObject({
    publicUrl: undefined,
    allowedHosts: [],
    rateLimit: { perSecond: 2_000, burst: 4_000 },
    streams: { max: 10_000, maxPerTenant: 1_000 },
    sessions: { maxLive: 5_000, maxPerTenant: 1_000, idleMs: 3_600_000, maxEvents: 256, maxEventBytes: 1_048_576 },
  });
  expect(mcp.stateSecret.reveal()).toBe(pepper);
  const given = toConfig(
    readEnv({
      DEVMESH_PEPPER: pepper,
      DEVMESH_MCP_STATE_KEY: "k".repeat(32),
      DEVMESH_MCP_PUBLIC_URL: "https://mesh.example",
      DEVMESH_MCP_ALLOWED_ORIGINS: "https://a.example, https://b.example:8443",
      DEVMESH_RATE_LIMIT_PER_SECOND: "0",
    }),
  );
  expect(given.mcp).toMatchObject({ publicUrl: "https://mesh.example", rateLimit: undefined });
  expect(given.mcp.allowedOrigins).toEqual(["https://a.example", "https://b.example:8443"]);
  expect(given.mcp.stateSecret.reveal()).toBe("k".repeat(32));
});

test.each([
  ["DEVMESH_MCP_STATE_KEY", "too short"],
  ["DEVMESH_MCP_PUBLIC_URL", "ftp://mesh.example"],
  ["DEVMESH_MCP_ALLOWED_ORIGINS", "https://a.example/path"],
  ["DEVMESH_MCP_ALLOWED_HOSTS", "a.example:443"],
  ["DEVMESH_MCP_MAX_SESSIONS", "0"],
  ["DEVMESH_MCP_SESSION_IDLE_MS", "1"],
])("refuses %s %s", (name, value) => {
  expect(() => readEnv({ DEVMESH_PEPPER: pepper, [name]: value })).toThrow(name);
});
