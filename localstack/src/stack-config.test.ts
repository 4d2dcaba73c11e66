import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { readStackConfig } from "./stack-config.ts";

const secrets = { pepper: "0123456789abcdef", toolsKey: randomBytes(32).toString("base64") };

describe("readStackConfig", () => {
  it("has defaults for everything and opens nothing of the distributed mode", () => {
    const env = { DEVMESH_DATABASE_URL: "postgres://elsewhere/mesh", DEVMESH_LOG_LEVEL: "" };
    const config = readStackConfig(env, secrets);
    expect([config.rest.http.port, config.mcp.http.port, config.worker.http.port, config.awsPort]).toEqual([
      8080, 8081, 8082, 4566,
    ]);
    expect([config.rest.stores, config.mcp.stores, config.worker.stores]).toEqual([undefined, undefined, undefined]);
    expect(config.logLevel).toBe("warn");
  });

  it("lists the problems of all parts, each once", () => {
    const env = {
      DEVMESH_REST_PORT: "http",
      DEVMESH_MCP_PORT: "-1",
      DEVMESH_WORKER_PORT: "65536",
      DEVMESH_AWS_PORT: "x",
      DEVMESH_LEASE_MS: "1",
    };
    let message = "";
    try {
      readStackConfig(env, secrets);
    } catch (error) {
      message = error instanceof Error ? error.message : "";
    }
    for (const name of Object.keys(env)) expect(message.split(name)).toHaveLength(2);
  });

  it("embeds by itself, and by Bedrock where AWS credentials and a region are set; the stand-in's own don't count", () => {
    expect(readStackConfig({}, secrets).rest.models.provider).toBe("local");
    const aws = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_REGION: "eu-west-1" };
    // one for processes of a distributed mesh, which this stack brings itself
    const config = readStackConfig({ ...aws, DEVMESH_AWS_ENDPOINT: "http://127.0.0.1:4566" }, secrets);
    expect(config.rest.models).toMatchObject({ provider: "bedrock", regions: ["eu-west-1"], endpoint: undefined });
    expect(config.worker.models).toEqual(config.rest.models);
    expect(readStackConfig({ ...aws, DEVMESH_EMBEDDINGS: "local" }, secrets).rest.models.provider).toBe("local");
  });

  it("seals secrets of tools by its own key, or by one that is given, and can read what either has sealed", () => {
    const keysOf = (env: Record<string, string>): readonly string[] =>
      readStackConfig(env, secrets)
        .mcp.tools.secretKeys()
        .map(({ id }) => id);
    expect(keysOf({})).toEqual(["home"]);
    const given = randomBytes(32).toString("base64");
    expect(keysOf({ DEVMESH_TOOL_SECRETS_KEY: `mine:${given}` })).toEqual(["mine", "home"]);
    expect(readStackConfig({}, secrets).rest.tools).toMatchObject({ commands: [], allowLoopback: true });
  });
});
