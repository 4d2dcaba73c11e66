import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { envReader } from "./env-reader.ts";
import { readToolsEnv, type ToolsConfig, toToolsConfig } from "./tools-env.ts";

const encoded = randomBytes(32).toString("base64");
const other = randomBytes(32).toString("base64url");

function read(env: Readonly<Record<string, string>>): ToolsConfig {
  const reader = envReader(env);
  const raw = readToolsEnv(reader);
  reader.done();
  return toToolsConfig(raw);
}

describe("the environment of external tool servers", () => {
  it("lets nothing be started, no plain address be asked, and no secret be kept by default", () => {
    const { secretKeys, ...config } = read({ AWS_REGION: "eu-west-1" });
    expect(config).toEqual({
      commands: [],
      variables: expect.arrayContaining(["*TOKEN", "LOG_LEVEL"]),
      allowHttp: false,
      allowPrivate: false,
      allowLoopback: false,
      checkMs: 300_000,
      breakerMs: 10_000,
      kms: { region: "eu-west-1", endpoint: undefined },
    });
    expect(secretKeys()).toEqual([]);
  });

  it("reads one key without a name, and several with", () => {
    const one = read({ DEVMESH_TOOL_SECRETS_KEY: encoded }).secretKeys();
    expect(one.map(({ id, bytes }) => [id, bytes.toString("base64")])).toEqual([["default", encoded]]);
    const two = read({ DEVMESH_TOOL_SECRETS_KEY: `new:${other}, old:${encoded}` }).secretKeys();
    expect(two.map(({ id, bytes, isWrapped }) => [id, bytes.length, isWrapped])).toEqual([
      ["new", 32, false],
      ["old", 32, false],
    ]);
    const wrapped = read({ DEVMESH_TOOL_SECRETS_KEY: `kms:AQIDBA==,old:${encoded}` }).secretKeys();
    expect(wrapped[0]).toEqual({ id: "default", bytes: Buffer.from([1, 2, 3, 4]), isWrapped: true });
  });

  it.each([
    ["a key of the wrong length", randomBytes(16).toString("base64"), "key 1 is not"],
    ["two keys of one name", `a:${encoded},a:${other}`, "names two keys alike"],
    ["what is no key", `a:${encoded},hunter2!`, "key 2 is not"],
  ])("refuses %s, and doesn't show it", (_what, text, message) => {
    const problem = problemOf(() => read({ DEVMESH_TOOL_SECRETS_KEY: text }));
    expect(problem).toContain(message);
    for (const part of text.split(",")) expect(problem).not.toContain(part.replace("a:", ""));
  });

  it("refuses a variable that has no such name", () => {
    expect(read({ DEVMESH_TOOL_VARIABLES: "MODE, *_URL" }).variables).toEqual(["MODE", "*_URL"]);
    const problem = problemOf(() => read({ DEVMESH_TOOL_VARIABLES: "MODE,http_proxy" }));
    expect(problem).toContain('"http_proxy" must be of A-Z, 0-9, _ and *');
  });

  it("keeps the key out of what is printed", () => {
    expect(JSON.stringify(readToolsEnv(envReader({ DEVMESH_TOOL_SECRETS_KEY: encoded })))).not.toContain(encoded);
  });
});

function problemOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return String(error);
  }
  throw new Error("nothing was refused");
}
