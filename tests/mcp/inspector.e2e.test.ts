import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { givenServices, startProcess } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type McpNode, startMcpNode } from "./kit/mcp-node.ts";

const launcher = join(
  dirname(createRequire(import.meta.url).resolve("@modelcontextprotocol/inspector/package.json")),
  "clients/launcher/build/index.js",
);
const bridge = fileURLToPath(new URL("../../packages/cli/src/devmesh-mcp.ts", import.meta.url));
const eras = ["modern", "auto", "legacy"] as const;

let node: McpNode;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "devmesh-inspector-"));
  const started = await startMcpNode();
  if (started !== undefined) node = started;
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Inspected {
  readonly code: number | null;
  readonly output: string;
}

/** Runs the Inspector's command line; it keeps its own files in the test's folder. */
async function inspect(args: readonly string[]): Promise<Inspected> {
  const inspector = await startProcess(process.execPath, [launcher, "--cli", ...args], { env: { HOME: folder } });
  const { code } = await inspector.exited;
  return { code, output: inspector.output() };
}

function overHttp({ url, apiKey }: Pick<McpNode, "url" | "apiKey">, era: string): readonly string[] {
  const header = ["--header", `Authorization: Bearer ${apiKey}`];
  return ["--server-url", `${url}/mcp`, "--transport", "http", "--protocol-era", era, ...header];
}

/** A server that the Inspector starts itself, in a file of its own for each era. */
async function overStdio({ url, apiKey }: McpNode, era: string): Promise<readonly string[]> {
  const file = join(folder, `${era}.json`);
  const server = {
    type: "stdio",
    command: process.execPath,
    args: ["--conditions=devmesh-source", "--disable-warning=ExperimentalWarning", bridge],
    env: { DEVMESH_API_KEY: apiKey, DEVMESH_MCP_URL: `${url}/mcp` },
    protocolEra: era,
  };
  await writeFile(file, JSON.stringify({ mcpServers: { devmesh: server } }));
  return ["--config", file, "--server", "devmesh"];
}

const list = ["--method", "tools/list", "-q", "--format", "json"];

function call(tool: string, args: object): readonly string[] {
  const what = ["--tool-name", tool, "--tool-args-json", JSON.stringify(args)];
  return ["--method", "tools/call", ...what, "-q", "--format", "json"];
}

describe.skipIf(givenServices().databaseUrl === undefined)("the Inspector", () => {
  test.each(eras.flatMap((era) => [[era, "http"] as const, [era, "stdio"] as const]))(
    "lists and calls tools in the era %s over %s",
    async (era, transport) => {
      const to = transport === "http" ? overHttp(node, era) : await overStdio(node, era);
      const [listed, called] = await Promise.all([
        inspect([...to, ...list, "--strict"]),
        inspect([...to, ...call("agent_register", { name: `inspector-${era}`, capabilities: [{ name: "look" }] })]),
      ]);
      expect(listed, listed.output).toMatchObject({ code: 0, output: expect.stringContaining("task_claim") });
      expect(called, called.output).toMatchObject({ code: 0, output: expect.stringContaining(`inspector-${era}`) });
    },
  );

  test("a missing key is an exit of 3", async () => {
    const { code, output } = await inspect(["--server-url", `${node.url}/mcp`, "--transport", "http", ...list]);
    expect(code, output).toBe(3);
  });

  test("a tool that fails is an exit of 5", async () => {
    const unknown = "0199a1b2-0000-7000-8000-0000000000ff";
    const { code, output } = await inspect([...overHttp(node, "modern"), ...call("task_get", { taskId: unknown })]);
    expect(code, output).toBe(5);
    expect(output).toContain("not_found");
  });
});
