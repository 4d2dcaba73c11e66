import { describe, expect, it } from "vitest";
import { envReader } from "./env-reader.ts";
import { readObjectsEnv, toObjectsConfig } from "./objects-env.ts";

function read(env: Record<string, string>): ReturnType<typeof toObjectsConfig> {
  const reader = envReader(env);
  const raw = readObjectsEnv(reader);
  reader.done();
  return toObjectsConfig(raw);
}

describe("readObjectsEnv", () => {
  it("has no objects where nothing is said", () => {
    expect(read({ AWS_REGION: "eu-west-1" })).toBeUndefined();
  });

  it("takes a bucket of AWS by name alone, and a stand-in's by its endpoint", () => {
    expect(read({ DEVMESH_CONTEXTS_BUCKET: "ours", AWS_REGION: "eu-west-1" })).toEqual({
      bucket: "ours",
      region: "eu-west-1",
      endpoint: undefined,
      publicEndpoint: undefined,
    });
    const standIn = {
      DEVMESH_AWS_ENDPOINT: "http://aws:4566",
      DEVMESH_CONTEXTS_PUBLIC_ENDPOINT: "http://localhost:4566",
    };
    expect(read(standIn)).toEqual({
      bucket: "devmesh-contexts",
      region: "us-east-1",
      endpoint: "http://aws:4566",
      publicEndpoint: "http://localhost:4566",
    });
  });

  it("has the SDK's own region, and one for stand-ins", () => {
    const regionOf = (env: Record<string, string>): unknown =>
      read({ DEVMESH_CONTEXTS_BUCKET: "ours", ...env })?.region;
    expect(regionOf({ AWS_DEFAULT_REGION: "eu-north-1" })).toBe("eu-north-1");
    expect(regionOf({ AWS_DEFAULT_REGION: "eu-north-1", AWS_REGION: "eu-west-1" })).toBe("eu-west-1");
    expect(regionOf({})).toBe("us-east-1");
  });

  it.each(["ab", "Upper-Case", "-dash", "under_score", "a/b"])("refuses %s as a bucket", (name) => {
    expect(() => read({ DEVMESH_CONTEXTS_BUCKET: name })).toThrow(/DEVMESH_CONTEXTS_BUCKET/);
  });
});
