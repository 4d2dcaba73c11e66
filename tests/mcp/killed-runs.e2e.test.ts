import { randomBytes } from "node:crypto";
import { serveHttp } from "@devmesh/runtime";
import { givenServices, waitFor } from "@devmesh/testing";
import { createMcpHandler, fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Fleet, type FleetService, openFleet } from "../kit/fleet.ts";
import { sendModern } from "./kit/modern-request.ts";

// biome-ignore lint/suspicious/noExplicitAny: what is answered is what the tests are about
type Answer = any;

const capabilities = { elicitation: {}, extensions: { "io.modelcontextprotocol/tasks": {} } };

/** A server of somebody else whose tool pays, and does not come to an end by itself. */
async function startBank(): Promise<AsyncDisposable & { readonly url: string; readonly paid: readonly string[] }> {
  const paid: string[] = [];
  const ending = new AbortController();
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: "bank", version: "1" });
    const inputSchema = fromJsonSchema<{ readonly to: string }>({
      type: "object",
      properties: { to: { type: "string" } },
      required: ["to"],
    });
    server.registerTool("pay", { description: "Pays.", inputSchema }, async ({ to }) => {
      paid.push(to);
      if (to.startsWith("slow")) {
        await new Promise((resolve) => ending.signal.addEventListener("abort", resolve, { once: true }));
      }
      return { content: [{ type: "text", text: `paid ${to}` }] };
    });
    return server;
  });
  const http = await serveHttp({
    hostname: "127.0.0.1",
    port: 0,
    portVariable: "PORT",
    graceMs: 100,
    fetch: (request) => handler.fetch(request),
  });
  return {
    url: `http://127.0.0.1:${http.port}/mcp`,
    paid,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await handler.close();
      await http[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(givenServices().databaseUrl === undefined)("a run whose node is killed", () => {
  const stack = new AsyncDisposableStack();
  let fleet: Fleet;
  let bank: Awaited<ReturnType<typeof startBank>>;
  beforeAll(async () => {
    bank = stack.use(await startBank());
    fleet = stack.use(
      await openFleet({
        mcpServers: 2,
        models: {
          DEVMESH_MCP_CONFORMANCE_FIXTURES: "true",
          DEVMESH_TOOL_ALLOW_HTTP: "true",
          DEVMESH_TOOL_ALLOW_LOOPBACK: "true",
          DEVMESH_TOOL_SECRETS_KEY: `test:${randomBytes(32).toString("base64")}`,
        },
      }),
    );
    const body = { name: "bank", timeoutMs: 120_000, transport: { kind: "http", url: bank.url } };
    const { id } = await rest("POST", "/tools", body);
    await waitFor(async () => (await rest("GET", `/tools/${id}`)).health === "healthy");
  });
  afterAll(() => stack.disposeAsync());

  async function rest(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(`${fleet.rest.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${fleet.apiKey}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    expect(response.ok, text).toBe(true);
    return JSON.parse(text).data;
  }

  async function ask(node: FleetService, method: string, params: Readonly<Record<string, unknown>>): Promise<Answer> {
    const headers = { "mcp-name": String(params["taskId"] ?? params["name"]) };
    const response = await sendModern(node.url, fleet.apiKey, { method, params, capabilities, headers });
    const { result, error } = (await response.json()) as Answer;
    expect(error).toBeUndefined();
    return result;
  }
  const nodeAt = (index: number): FleetService => {
    const node = fleet.mcp[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  };
  const eventsOf = async (taskId: string): Promise<readonly string[]> =>
    (await rest("GET", `/tasks/${taskId}/events`)).map(({ type }: { type: string }) => type);

  test("has one result at most, and is carried out again only where it may be, or where somebody has it", async () => {
    const [first, second] = [nodeAt(0), nodeAt(1)];
    const begin = async (name: string, args: object): Promise<string> =>
      (await ask(first, "tools/call", { name, arguments: args })).taskId;
    // any node may carry out what one has taken: now there is one
    await second.stop();
    const paying = await begin("bank__pay", { to: "slow" });
    const asking = await begin("confirm_delete", { filename: "a.txt" });
    const reaches = async (taskId: string, status: string, node = second): Promise<Answer> => {
      const get = (): Promise<Answer> => ask(node, "tasks/get", { taskId });
      await waitFor(async () => (await get()).status === status, { timeoutMs: 60_000, what: status });
      return get();
    };
    const { inputRequests } = await reaches(asking, "input_required", first);
    await waitFor(() => bank.paid.length === 1, { what: "the payment" });
    const computing = await begin("slow_compute", { seconds: 4 });
    await waitFor(async () => (await rest("GET", `/tasks/${computing}`)).state === "running", { what: "its start" });
    await first.kill();
    await second.start();

    // somebody answers while nobody holds the question
    const [key = ""] = Object.keys(inputRequests);
    const inputResponses = { [key]: { action: "accept", content: { confirm: true } } };
    await ask(second, "tasks/update", { taskId: asking, inputResponses });
    expect(await reaches(paying, "failed")).toMatchObject({ error: { message: expect.stringContaining("lease") } });
    expect((await reaches(computing, "completed")).result).toMatchObject({ content: [{ text: "computed for 4 s" }] });
    expect((await reaches(asking, "completed")).result).toMatchObject({ content: [{ text: "deleted a.txt" }] });
    expect(await eventsOf(computing)).toEqual(expect.arrayContaining(["task.lease_expired", "task.completed"]));
    expect(bank.paid).toEqual(["slow"]);

    // an order of its own
    await rest("POST", `/tasks/${paying}/retry`, {});
    await waitFor(() => bank.paid.length === 2, { what: "the second payment" });
    await ask(second, "tasks/cancel", { taskId: paying });
    expect((await ask(second, "tasks/get", { taskId: paying })).status).toBe("cancelled");
  });
});
