import { randomUUID } from "node:crypto";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { intervals } from "../src/limits.ts";
import { connectMcp } from "./_mcp.ts";
import { type HeardStream, request } from "./_mcp-http.ts";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode({
    intervals: { ...intervals, credentialCheckMs: 50 },
    streams: { max: 3, maxPerTenant: 2 },
  });
  await using mcp = await connectMcp({ port: node.port, key: mesh.key });
  await mcp.call("agent_register", { name: "writer", capabilities: [{ name: "text.write" }] });
});
afterAll(() => mesh[Symbol.asyncDispose]());

interface Sent {
  readonly method?: string;
  readonly key?: string | undefined;
  readonly port?: number;
}

function send({ method = "SendStreamingMessage", key = mesh.key, port = node.port }: Sent = {}): Promise<HeardStream> {
  const message = { messageId: randomUUID(), role: "ROLE_USER", parts: [{ text: "x" }] };
  const body = { jsonrpc: "2.0", id: 1, method, params: { message } };
  return request({ port, key, path: "/a2a/writer", message: body, headers: { "a2a-version": "1.0" } });
}

async function watches(): Promise<number> {
  const key = await mesh.createKey({ scopes: ["metrics:read"] });
  const answer = await fetch(`http://127.0.0.1:${node.port}/metrics`, { headers: { "x-api-key": key.text } });
  return Number(/^devmesh_task_watches\{.* (\d+)$/m.exec(await answer.text())?.[1]);
}

describe("a stream of A2A", () => {
  test("leaves nothing behind when its client goes, whatever it has read", async () => {
    for (const reads of [false, true]) {
      const heard = await send();
      if (reads) await heard.next();
      heard.cut();
    }
    await waitFor(async () => (await watches()) === 0, { what: "no watch to be left" });
  });

  test("is one of a bounded number", async () => {
    const open = [await send(), await send()];
    const { response } = await send();
    expect(response.status).toBe(429);
    expect(response.headers.get("retry-after")).toBe("5");
    for (const stream of open) stream.cut();
    await waitFor(async () => (await watches()) === 0, { what: "no watch to be left" });
  });

  test("ends with its key", async () => {
    const key = await mesh.createKey();
    const heard = await send({ key: key.text });
    await heard.next();
    await mesh.revokeKey(key.id);
    await heard.rest();
  });
});

test("an agent that is asked too often says when to come again, and who has no key what is due", async () => {
  const { port } = await mesh.startNode({ rateLimit: { perSecond: 1, burst: 3 } });
  // more than come back while they are asked, however slowly
  const many = 30;
  const of = async (key: string): Promise<Response> => (await send({ key, port, method: "GetTask" })).response;
  const answers = await Promise.all(Array.from({ length: many }, () => of(mesh.key)));
  expect(answers.find(({ status }) => status === 429)?.headers.get("retry-after")).toBe("1");
  const strangers = await Promise.all(Array.from({ length: many }, () => of("nonsense")));
  expect(new Set(strangers.map(({ status }) => status))).toEqual(new Set([401, 429]));
  expect(strangers.find(({ status }) => status === 401)?.headers.get("www-authenticate")).toBe("Bearer");
});

test("a key has one budget, whether it calls /mcp or agents", async () => {
  const { port } = await mesh.startNode({ rateLimit: { perSecond: 0.001, burst: 2 } });
  const ping = (): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/mcp`, {
      method: "POST",
      headers: { authorization: `Bearer ${mesh.key}`, "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
    });
  const first = await Promise.all([ping(), ping()]);
  expect(first.map(({ status }) => status)).not.toContain(429);
  expect((await send({ key: mesh.key, port, method: "GetTask" })).response.status).toBe(429);
});
