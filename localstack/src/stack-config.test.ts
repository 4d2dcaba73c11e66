import { describe, expect, it } from "vitest";
import { readStackConfig } from "./stack-config.ts";

const pepper = "0123456789abcdef";

describe("readStackConfig", () => {
  it("has defaults for everything and opens nothing of the distributed mode", () => {
    const env = { DEVMESH_DATABASE_URL: "postgres://elsewhere/mesh", DEVMESH_LOG_LEVEL: "" };
    const config = readStackConfig(env, pepper);
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
      readStackConfig(env, pepper);
    } catch (error) {
      message = error instanceof Error ? error.message : "";
    }
    for (const name of Object.keys(env)) expect(message.split(name)).toHaveLength(2);
  });

  it("embeds by itself, and by Bedrock where AWS credentials and a region are set; the stand-in's own don't count", () => {
    expect(readStackConfig({}, pepper).rest.models.provider).toBe("local");
    const aws = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_REGION: "eu-west-1" };
    // one for processes of a distributed mesh, which this stack brings itself
    const config = readStackConfig({ ...aws, DEVMESH_AWS_ENDPOINT: "http://127.0.0.1:4566" }, pepper);
    expect(config.rest.models).toMatchObject({ provider: "bedrock", regions: ["eu-west-1"], endpoint: undefined });
    expect(config.worker.models).toEqual(config.rest.models);
    expect(readStackConfig({ ...aws, DEVMESH_EMBEDDINGS: "local" }, pepper).rest.models.provider).toBe("local");
  });
});
