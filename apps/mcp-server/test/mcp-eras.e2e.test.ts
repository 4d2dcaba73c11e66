import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;
const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
});
afterAll(() => mesh[Symbol.asyncDispose]());

function post(message: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${node.port}/mcp`, {
    method: "POST",
    headers: { ...json, authorization: `Bearer ${mesh.key}`, ...headers },
    body: typeof message === "string" ? message : JSON.stringify(message),
  });
}

test("answers server/discover of revision 2026-07-28", async () => {
  const answer = await post(
    {
      jsonrpc: "2.0",
      id: 1,
      method: "server/discover",
      params: {
        _meta: {
          "io.modelcontextprotocol/protocolVersion": "2026-07-28",
          "io.modelcontextprotocol/clientCapabilities": {},
          "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
        },
      },
    },
    { "mcp-protocol-version": "2026-07-28", "mcp-method": "server/discover" },
  );
  expect(await answer.json()).toMatchObject({ id: 1, result: { supportedVersions: ["2026-07-28"] } });
});

test("begins a session of revision 2025-11-25", async () => {
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } };
  const answer = await post({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("mcp-session-id")).toMatch(/^[\w-]{20,}$/);
  expect(await answer.text()).toContain('"protocolVersion":"2025-11-25"');
});

test.each(["2025-06-18", "2025-03-26"])("speaks revision %s, without events that it doesn't know", async (version) => {
  const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: "test", version: "1" } };
  const begun = await post({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  const session = begun.headers.get("mcp-session-id") ?? "";
  expect(await begun.text()).toContain(`"protocolVersion":"${version}"`);
  const headers = { "mcp-session-id": session, "mcp-protocol-version": version };
  const listed = await (await post({ jsonrpc: "2.0", id: 2, method: "tools/list" }, headers)).text();
  expect(listed.match(/^data: ?.*$/gm)).toEqual([expect.stringContaining('"name":"task_claim"')]);
});

test("asks for a key, and says where the resource is described", async () => {
  const url = `http://127.0.0.1:${node.port}/mcp`;
  const answer = await fetch(url, { method: "POST", headers: json, body: "{}" });
  expect(answer.status).toBe(401);
  const challenge = answer.headers.get("www-authenticate") ?? "";
  const metadataUrl = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? "";
  expect(await (await fetch(metadataUrl)).json()).toMatchObject({ resource: url });
});
