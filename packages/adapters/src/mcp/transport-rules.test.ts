import type { ToolServerTransport, ToolValue } from "@devmesh/models";
import { describe, expect, test } from "vitest";
import { assertTransportAllowed, type TransportRules } from "./transport-rules.ts";

const rules: TransportRules = {
  allowedCommands: ["npx", "/opt/tools/git", "bin/odd"],
  allowedVariables: ["*TOKEN", "*_KEY", "LOG_LEVEL", "APP_*_URL"],
  allowHttp: false,
  allowPrivate: false,
  allowLoopback: false,
};
const program = (command: string, env: Readonly<Record<string, ToolValue>> = {}): ToolServerTransport => ({
  kind: "stdio",
  command,
  args: [],
  env,
});
const address = (url: string): ToolServerTransport => ({ kind: "http", url, headers: {} });

describe("a way to a server", () => {
  test.each([
    program("npx"),
    program("/opt/tools/git"),
    address("https://tools.example/mcp"),
    address("https://localhost.example/mcp"),
  ])("is let through as it is allowed, and where only a connection can tell: %j", (transport) => {
    expect(() => assertTransportAllowed(transport, rules)).not.toThrow();
  });

  test.each(["NPX", "npx ", "/opt/tools/../tools/git", "bin/odd", "sh"])(
    "is refused for the command %j, and told what is allowed",
    (command) => {
      const bound = "must be one that the operator allows (npx, /opt/tools/git, bin/odd)";
      expect(() => assertTransportAllowed(program(command), rules)).toThrow(
        expect.objectContaining({
          code: "failed_precondition",
          reason: "command_not_allowed",
          message: `command ${JSON.stringify(command)} ${bound}`,
          details: [{ path: "transport.command", message: bound }],
        }),
      );
    },
  );

  test("is refused for every command where there is no list, and a long list is cut", () => {
    expect(() => assertTransportAllowed(program("npx"), { ...rules, allowedCommands: [] })).toThrow("allows (none)");
    const many = Array.from({ length: 25 }, (_, at) => `c${at}`);
    expect(() => assertTransportAllowed(program("npx"), { ...rules, allowedCommands: many })).toThrow(
      "c19 and 5 more)",
    );
  });

  test("is refused for each variable that is not allowed", () => {
    const env = { TOKEN: { isSecret: true }, API_KEY: "a", LOG_LEVEL: "a", APP_X_URL: "a" } as const;
    expect(() => assertTransportAllowed(program("npx", env), rules)).not.toThrow();
    const bad = { TOKENS: "a", KEY: "a", MY_LOG_LEVEL: "a", APP_URL: "a", APP_X_URL_Y: "a" };
    const bound = "must be one that the operator allows (*TOKEN, *_KEY, LOG_LEVEL, APP_*_URL)";
    expect(() => assertTransportAllowed(program("npx", { ...env, ...bad }), rules)).toThrow(
      expect.objectContaining({
        code: "failed_precondition",
        reason: "variable_not_allowed",
        message: `transport.env.TOKENS ${bound}`,
        details: Object.keys(bad).map((name) => ({ path: `transport.env.${name}`, message: bound })),
      }),
    );
  });

  test.each([
    "http://tools.example/",
    "https://127.0.0.1/",
    "https://[::ffff:169.254.169.254]/",
    "https://10.0.0.1/",
    "https://LOCALHOST./",
    "https://a.localhost/",
  ])("is refused for the address %s", (url) => {
    expect(() => assertTransportAllowed(address(url), rules)).toThrow(
      expect.objectContaining({
        reason: "address_not_allowed",
        details: [expect.objectContaining({ path: "transport.url" })],
      }),
    );
  });
});
