import { describe, expect, test } from "vitest";
import { parseWith } from "../parse.ts";
import { newToolServerSchema, qualifiedToolName, splitToolName, toolServerUpdateSchema } from "./tool-server.ts";

const stdio = { name: "files", transport: { kind: "stdio", command: "node" } };
const http = { name: "files", transport: { kind: "http", url: "https://tools.example/mcp" } };

function problemsOf(schema: typeof newToolServerSchema | typeof toolServerUpdateSchema, input: unknown): string[] {
  const parsed = schema.safeParse(input);
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join("."));
}

describe("a server that is registered", () => {
  test("has defaults for what is left out", () => {
    expect(newToolServerSchema.parse(stdio)).toEqual({
      name: "files",
      transport: { kind: "stdio", command: "node", args: [], env: {} },
      timeoutMs: 30_000,
      maxConcurrency: 4,
      scopes: [],
      enabled: true,
    });
  });

  test.each([
    ["upper case in the name", { ...stdio, name: "Files" }, "name"],
    ["an underscore in the name", { ...stdio, name: "my_files" }, "name"],
    ["a member that is not known", { ...stdio, command: "node" }, ""],
    ["a time out of bounds", { ...stdio, timeoutMs: 999 }, "timeoutMs"],
    ["no transport", { name: "files" }, "transport"],
    ["a scheme that is not HTTP", { ...http, transport: { kind: "http", url: "file:///etc/passwd" } }, "transport.url"],
    ["a password in the URL", { ...http, transport: { kind: "http", url: "https://a:b@c.example/" } }, "transport.url"],
    [
      "a variable that loads code",
      { ...stdio, transport: { ...stdio.transport, env: { LD_PRELOAD: "/tmp/a.so" } } },
      "transport.env.LD_PRELOAD",
    ],
    [
      "a header of the connection",
      { ...http, transport: { ...http.transport, headers: { Host: "a" } } },
      "transport.headers.Host",
    ],
    [
      "a header twice",
      { ...http, transport: { ...http.transport, headers: { "X-A": "a", "x-a": "b" } } },
      "transport.headers",
    ],
    [
      "a header that HTTP can't carry",
      { ...http, transport: { ...http.transport, headers: { "X-A": "a\r\nB: c" } } },
      "transport.headers.X-A",
    ],
    [
      "a secret that no header can carry",
      { ...http, transport: { ...http.transport, headers: { Authorization: { secret: "Bearer …" } } } },
      "transport.headers.Authorization",
    ],
    [
      "a secret to keep where there is none yet",
      { ...stdio, transport: { ...stdio.transport, env: { TOKEN: { isSecret: true } } } },
      "transport.env.TOKEN",
    ],
  ])("is refused for %s", (_what, input, path) => {
    expect(problemsOf(newToolServerSchema, input)).toContain(path);
  });

  test("may be given back as it was shown, to change it", () => {
    const transport = { kind: "stdio", command: "node", args: [], env: { TOKEN: { isSecret: true }, MODE: "fast" } };
    expect(toolServerUpdateSchema.parse({ transport })).toEqual({ transport });
  });
});

test("a variable that can't be given is refused with the reason", () => {
  const reasonOf = (name: string): unknown => {
    try {
      parseWith(newToolServerSchema, { ...stdio, transport: { ...stdio.transport, env: { [name]: "x" } } });
    } catch (error) {
      return error;
    }
    return undefined;
  };
  const loads = "this variable decides what a program loads: it can't be given";
  expect(reasonOf("LD_PRELOAD")).toMatchObject({ details: [{ path: "transport.env.LD_PRELOAD", message: loads }] });
  expect(reasonOf("a-b")).toMatchObject({ message: expect.stringContaining("capital letters, digits and _") });
});

describe("the name of a tool", () => {
  test("is taken apart at the first separator", () => {
    expect(splitToolName(qualifiedToolName("files", "read__all"))).toEqual({ server: "files", tool: "read__all" });
  });

  test.each(["task_create", "__x", "files__", "files"])("is not of a server's tool: %s", (name) => {
    expect(splitToolName(name)).toBeUndefined();
  });
});

const runsOther = ["SHELLOPTS", "PS4", "npm_config_registry", "NODE_EXTRA_CA_CERTS", "PYTHONWARNINGS", "BROWSER"];
const loadsOther = [
  "OPENSSL_CONF",
  "SSL_CERT_FILE",
  "JAVA_TOOL_OPTIONS",
  "_JAVA_OPTIONS",
  "AWS_CONFIG_FILE",
  "ld_preload",
];
test.each([
  ...runsOther,
  ...loadsOther,
  "GIT_SSH_COMMAND",
  "PUPPETEER_EXECUTABLE_PATH",
  "HOME",
  "DEVMESH_PEPPER",
  "1A",
])("the variable %s is refused: it makes a program run or load something else, or is none", (name) => {
  const transport = { ...stdio.transport, env: { [name]: "x" } };
  expect(problemsOf(newToolServerSchema, { ...stdio, transport })).toEqual([`transport.env.${name}`]);
  expect(problemsOf(toolServerUpdateSchema, { transport })).toEqual([`transport.env.${name}`]);
});

test.each(["NODE_ENV", "PYTHONUNBUFFERED", "GITHUB_TOKEN", "API_TOKEN", "DATABASE_URL", "HTTPS_PROXY", "LOG_LEVEL"])(
  "the variable %s may be given",
  (name) => {
    const transport = { ...stdio.transport, env: { [name]: "x" } };
    expect(problemsOf(newToolServerSchema, { ...stdio, transport })).toEqual([]);
  },
);
