import { expect, test } from "vitest";
import { parseOptions } from "./options.ts";

const key = { DEVMESH_API_KEY: "dm_pat_x" };

test("a key is enough: the mesh is the one of this machine", () => {
  expect(parseOptions([], key)).toEqual({
    kind: "run",
    options: { url: new URL("http://127.0.0.1:8081/mcp"), apiKey: "dm_pat_x", channelAgent: undefined },
  });
});

test("arguments count before variables", () => {
  const env = { ...key, DEVMESH_MCP_URL: "https://a/mcp", DEVMESH_CHANNEL_AGENT: "a" };
  expect(parseOptions(["--url", "https://b/mcp", "--channel", "b"], env)).toMatchObject({
    options: { url: new URL("https://b/mcp"), channelAgent: "b" },
  });
});

test("help goes to stdout and is no failure", () => {
  expect(parseOptions(["--help"], {})).toMatchObject({ kind: "exit", code: 0 });
});

test.each([
  ["no key", [], {}, "DEVMESH_API_KEY is not set"],
  ["a blank key", [], { DEVMESH_API_KEY: " " }, "DEVMESH_API_KEY is not set"],
  ["a key of two lines", [], { DEVMESH_API_KEY: "dm_pat_\nx" }, "DEVMESH_API_KEY holds what is in no key"],
  ["a key that is no header's", [], { DEVMESH_API_KEY: "dm_pat_é" }, "DEVMESH_API_KEY holds what is in no key"],
  ["an unknown argument", ["--port", "1"], key, "unknown argument --port"],
  ["an argument without its value", ["--channel"], key, "--channel needs a value"],
  ["no address", ["--url", "mesh"], key, '"mesh" is no http or https address'],
  ["another protocol", ["--url", "ws://a/ws"], key, '"ws://a/ws" is no http or https address'],
])("%s is refused with what to do", (_, args, env, text) => {
  const parsed = parseOptions(args, env);
  expect(parsed).toMatchObject({ kind: "exit", code: 2 });
  expect(parsed).toHaveProperty("text", expect.stringContaining(text));
  expect(parsed).toHaveProperty("text", expect.not.stringContaining("dm_pat_"));
});
