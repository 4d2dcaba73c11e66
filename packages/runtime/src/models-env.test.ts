import { AppError } from "@devmesh/models";
import { describe, expect, it } from "vitest";
import { envReader } from "./env-reader.ts";
import { type ModelsConfig, readModelsEnv, toModelsConfig } from "./models-env.ts";

function read(env: Record<string, string>): ModelsConfig {
  const reader = envReader(env);
  const raw = readModelsEnv(reader);
  reader.done();
  return toModelsConfig(raw);
}

function problemsOf(env: Record<string, string>): string {
  try {
    read(env);
  } catch (error) {
    if (error instanceof AppError) return error.message;
  }
  throw new Error("nothing was refused");
}

const local: ModelsConfig = { provider: "local", regions: [], endpoint: undefined, claudeModel: undefined };
const key = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE" };

describe("the models of the environment", () => {
  it("are local where nothing is said, and where credentials or region alone are set", () => {
    expect(read({})).toEqual(local);
    expect(read(key)).toEqual(local);
    expect(read({ AWS_REGION: "eu-central-1" })).toEqual(local);
    expect(read({ AWS_ACCESS_KEY_ID: " ", AWS_REGION: "eu-central-1" })).toEqual(local);
  });

  it.each([
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_BEARER_TOKEN_BEDROCK",
  ])("are Bedrock's where %s and a region are set", (name) => {
    expect(read({ [name]: "x", AWS_REGION: "eu-central-1" })).toEqual({
      provider: "bedrock",
      regions: ["eu-central-1"],
      endpoint: undefined,
      claudeModel: undefined,
    });
    expect(read({ [name]: "x", AWS_DEFAULT_REGION: "us-gov-west-1" }).regions).toEqual(["us-gov-west-1"]);
    expect(read({ [name]: "x", AWS_REGION: "eu-central-1", DEVMESH_EMBEDDINGS: "local" })).toEqual(local);
  });

  it.each(["DEVMESH_AWS_ENDPOINT", "AWS_ENDPOINT_URL"])(
    "don't count credentials beside %s, which are a stand-in's",
    (name) => {
      const env = { ...key, AWS_REGION: "us-east-1", [name]: "http://127.0.0.1:4566" };
      expect(read(env)).toEqual(local);
      expect(read({ ...env, DEVMESH_EMBEDDINGS: "bedrock" }).provider).toBe("bedrock");
      expect(read({ ...env, DEVMESH_BEDROCK_ENDPOINT: "http://127.0.0.1:4567" }).provider).toBe("bedrock");
    },
  );

  it("keep the order of the regions that are named, whatever the SDK's own is", () => {
    const env = { ...key, AWS_REGION: "eu-west-1", DEVMESH_BEDROCK_REGIONS: "us-west-2, us-east-1" };
    expect(read(env).regions).toEqual(["us-west-2", "us-east-1"]);
  });

  it("are a stand-in's where one is named, without credentials or region", () => {
    const endpoint = "http://127.0.0.1:4567";
    expect(read({ DEVMESH_BEDROCK_ENDPOINT: endpoint })).toEqual({
      provider: "bedrock",
      regions: ["us-east-1"],
      endpoint,
      claudeModel: undefined,
    });
    expect(read({ DEVMESH_BEDROCK_ENDPOINT: endpoint, DEVMESH_EMBEDDINGS: "local" })).toEqual(local);
  });

  it("write by the Claude that is named", () => {
    const model = "eu.anthropic.claude-haiku-5-5";
    expect(read({ ...key, AWS_REGION: "eu-west-1", DEVMESH_CLAUDE_MODEL: model }).claudeModel).toBe(model);
    expect(problemsOf({ DEVMESH_CLAUDE_MODEL: "x".repeat(201) })).toContain("DEVMESH_CLAUDE_MODEL");
  });

  it("may be asked for without credentials in the environment, which a machine's role gives, but not without region", () => {
    expect(read({ DEVMESH_EMBEDDINGS: "bedrock", AWS_REGION: "us-east-1" }).provider).toBe("bedrock");
    expect(problemsOf({ DEVMESH_EMBEDDINGS: "bedrock" })).toContain("AWS_REGION is required");
  });

  it("list all problems at once, and show no credential", () => {
    const message = problemsOf({
      DEVMESH_EMBEDDINGS: "cloud",
      DEVMESH_BEDROCK_REGIONS: "us-east-1,us-east-1,evil.example/",
      DEVMESH_BEDROCK_ENDPOINT: "ftp://x",
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    });
    expect(message).toContain('DEVMESH_EMBEDDINGS "cloud" is none of auto, local, bedrock');
    expect(message).toContain('DEVMESH_BEDROCK_REGIONS "evil.example/" is no name of a region');
    expect(message).toContain("DEVMESH_BEDROCK_REGIONS names a region twice");
    expect(message).toContain("DEVMESH_BEDROCK_ENDPOINT");
    expect(message).not.toContain("AKID");
    expect(problemsOf({ ...key, AWS_REGION: "evil.example/" })).toContain("AWS_REGION");
    expect(problemsOf({ DEVMESH_BEDROCK_REGIONS: "a,b,c,d,e,f" })).toContain("exceeds the limit of 5");
  });
});
