import { SdkErrorCode, SdkHttpError, type TransportSendOptions } from "@modelcontextprotocol/client";
import { type JSONRPCMessage, PROTOCOL_VERSION_META_KEY } from "@modelcontextprotocol/server";
import { beforeEach, expect, test } from "vitest";
import { type Bridge, createBridge } from "./bridge.ts";

interface Sent extends TransportSendOptions {
  readonly message: JSONRPCMessage;
}

let sent: Sent[];
let told: JSONRPCMessage[];
let reported: string[];
let versions: string[];
/** Taken by the next messages to the mesh, in order. */
let failures: (Error | undefined)[];
let bridge: Bridge;

beforeEach(() => {
  sent = [];
  told = [];
  reported = [];
  versions = [];
  failures = [];
  bridge = createBridge({
    client: { send: async (message) => void told.push(message) },
    mesh: {
      send: async (message, options) => {
        sent.push({ message: message as JSONRPCMessage, ...options });
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
      },
      setProtocolVersion: (version) => void versions.push(version),
    },
    url: new URL("http://mesh/mcp"),
    rewrite: (message) => message,
    pause: async () => undefined,
    report: (text) => void reported.push(text),
  });
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const request = (id: number, method: string, params = {}): JSONRPCMessage => ({ jsonrpc: "2.0", id, method, params });
const modern = (id: number, method: string): JSONRPCMessage =>
  request(id, method, { _meta: { [PROTOCOL_VERSION_META_KEY]: "2026-07-28" } });
const result = (id: number | string, value = {}): JSONRPCMessage => ({ jsonrpc: "2.0", id, result: value });
const httpError = (status: number, text: string): Error =>
  new SdkHttpError(SdkErrorCode.ClientHttpNotImplemented, "refused", { status, text });
const methods = (): readonly unknown[] => sent.map(({ message }) => "method" in message && message.method);

test("messages pass as they are, both ways", async () => {
  bridge.fromClient(modern(1, "tools/list"));
  bridge.fromMesh({ jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 1, progress: 1 } });
  bridge.fromMesh(result(1, { tools: [] }));
  await turn();
  expect(sent.map(({ message }) => message)).toEqual([modern(1, "tools/list")]);
  expect(told).toEqual([
    { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 1, progress: 1 } },
    result(1, { tools: [] }),
  ]);
});

test("the newer generation cancels by closing the response, and is told nothing more", async () => {
  bridge.fromClient(modern(1, "tools/call"));
  bridge.fromClient({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
  await turn();
  expect(methods()).toEqual(["tools/call"]);
  expect(sent[0]?.requestSignal?.aborted).toBe(true);
  sent[0]?.onRequestStreamEnd?.();
  await turn();
  expect(told).toEqual([]);
});

test("the older generation is told of a cancelled request", async () => {
  bridge.fromClient(request(1, "tools/call"));
  bridge.fromClient({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
  await turn();
  expect(methods()).toEqual(["tools/call", "notifications/cancelled"]);
  expect(sent[0]?.requestSignal?.aborted).toBe(false);
});

test("the mesh's own error is passed on under the request's id", async () => {
  failures = [httpError(403, '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}')];
  bridge.fromClient(modern(7, "tools/call"));
  await turn();
  expect(told).toEqual([{ jsonrpc: "2.0", id: 7, error: { code: -32600, message: "no" } }]);
});

test.each([
  [httpError(401, "{}"), "the mesh at http://mesh/mcp refused the key in DEVMESH_API_KEY"],
  [httpError(502, "bad gateway"), "the mesh at http://mesh/mcp answered 502: bad gateway"],
  [
    new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") }),
    "the mesh at http://mesh/mcp can't be reached: connect ECONNREFUSED",
  ],
])("a request that failed is answered with why", async (failure, message) => {
  failures = [failure];
  bridge.fromClient(modern(1, "tools/list"));
  await turn();
  expect(told).toEqual([{ jsonrpc: "2.0", id: 1, error: { code: -32603, message } }]);
});

test("a response that ends without an answer is one", async () => {
  bridge.fromClient(modern(1, "tools/call"));
  await turn();
  sent[0]?.onRequestStreamEnd?.();
  await turn();
  expect(told).toMatchObject([{ id: 1, error: { message: expect.stringContaining("ended before the answer") } }]);
});

test("a response that ends behind the answer is none", async () => {
  bridge.fromClient(modern(1, "tools/call"));
  bridge.fromMesh(result(1));
  sent[0]?.onRequestStreamEnd?.();
  await turn();
  expect(told).toEqual([result(1)]);
});

test("a lost subscription is asked for again", async () => {
  bridge.fromClient(modern(1, "subscriptions/listen"));
  await turn();
  sent[0]?.onRequestStreamEnd?.();
  await turn();
  expect(methods()).toEqual(["subscriptions/listen", "subscriptions/listen"]);
  expect(told).toEqual([]);
});

test("a session that the mesh lost begins again, unseen by the client", async () => {
  bridge.fromClient(request(1, "initialize", { protocolVersion: "2025-11-25" }));
  bridge.fromMesh(result(1, { protocolVersion: "2025-11-25" }));
  failures = [httpError(404, "Session not found")];
  bridge.fromClient(request(2, "tools/list"));
  await turn();
  const renewal = sent.at(-1)?.message;
  expect(renewal).toMatchObject({ method: "initialize", params: { protocolVersion: "2025-11-25" } });
  bridge.fromMesh(result((renewal as { id: string }).id, { protocolVersion: "2025-06-18" }));
  await turn();
  expect(methods()).toEqual(["initialize", "tools/list", "initialize", "notifications/initialized", "tools/list"]);
  expect(versions).toEqual(["2025-11-25", "2025-06-18"]);
  expect(told).toEqual([result(1, { protocolVersion: "2025-11-25" })]);
});

test("a session that can't begin again, because the mesh went, is lost to whoever waits for it", async () => {
  bridge.fromClient(request(1, "initialize", { protocolVersion: "2025-11-25" }));
  bridge.fromMesh(result(1, { protocolVersion: "2025-11-25" }));
  failures = [httpError(404, "Session not found")];
  bridge.fromClient(request(2, "tools/list"));
  await turn();
  sent.at(-1)?.onRequestStreamEnd?.();
  await turn();
  expect(told.at(-1)).toMatchObject({ id: 2, error: { message: expect.stringContaining("Session not found") } });
  // and is tried again by the next
  failures = [httpError(404, "Session not found")];
  bridge.fromClient(request(3, "tools/list"));
  await turn();
  expect(methods().slice(-2)).toEqual(["tools/list", "initialize"]);
});

test("without a session 404 is an answer", async () => {
  failures = [httpError(404, "no such route")];
  bridge.fromClient(modern(1, "tools/list"));
  await turn();
  expect(told).toMatchObject([
    {
      id: 1,
      error: { message: "the mesh at http://mesh/mcp answered 404: no such route (is that the address of its /mcp?)" },
    },
  ]);
});

test("a notification that did not arrive is reported", async () => {
  failures = [httpError(401, "")];
  bridge.fromClient({ jsonrpc: "2.0", method: "notifications/roots/list_changed" });
  await turn();
  expect(reported).toEqual(["the mesh at http://mesh/mcp refused the key in DEVMESH_API_KEY"]);
});
