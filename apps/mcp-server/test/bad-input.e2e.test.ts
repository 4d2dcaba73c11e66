import { deflateRawSync, gzipSync } from "node:zlib";
import { checkLeaks } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Mesh, type Node, openMesh } from "./_mesh.ts";
import { batchFrame, type Client, connect, gzipFrame, hello, jsonFrame, toFrame, types } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
let node: Node;
/** Must notice nothing of what the others do. */
let bystander: Client;

beforeAll(async () => {
  mesh = await openMesh();
  node = await mesh.startNode();
  bystander = await hello({ port: node.port, key: mesh.key, name: "bystander" });
});
afterAll(async () => {
  expect(await bystander.request("PING", { at: "2026-01-01T00:00:00.000Z" })).toMatchObject({ name: "PONG" });
  await bystander.close();
  await mesh[Symbol.asyncDispose]();
});

const at = "2026-01-01T00:00:00.000Z";
const ping = jsonFrame("PING", { at });
const json = Buffer.from(JSON.stringify({ at }));
const utf8 = (text: string): Buffer => Buffer.from(text);

const malformed: readonly (readonly [string, Uint8Array])[] = [
  ["an empty message", Buffer.alloc(0)],
  ["a header cut short", ping.subarray(0, 11)],
  ["another version", toFrame(types.PING, json, { version: 2 })],
  ["an unknown flag", toFrame(types.PING, json, { flags: 4 })],
  ["reserved bytes that are not zero", toFrame(types.PING, json, { reserved: 1 })],
  ["a size that is too small", toFrame(types.PING, json, { size: json.length - 1 })],
  ["a size that is too large", toFrame(types.PING, json, { size: json.length + 1 })],
  ["gzip that is none", toFrame(types.PING, json, { flags: 1 })],
  ["gzip cut short", toFrame(types.PING, gzipSync(json).subarray(0, -1), { flags: 1 })],
  ["bytes after the gzip's end", toFrame(types.PING, Buffer.concat([gzipSync(json), utf8("x")]), { flags: 1 })],
  ["a second gzip member", toFrame(types.PING, Buffer.concat([gzipSync(json), gzipSync(json)]), { flags: 1 })],
  ["deflate without gzip", toFrame(types.PING, deflateRawSync(json), { flags: 1 })],
  ["an empty batch", batchFrame([])],
  ["a batch inside a batch", batchFrame([batchFrame([ping])])],
  ["a batch of another type", toFrame(types.PING, ping, { flags: 2 })],
  ["type 0 without BATCH", toFrame(0, json)],
  ["a batch with a cut frame", batchFrame([ping, ping.subarray(0, -1)])],
  ["invalid utf-8", toFrame(types.PING, Buffer.from([0x7b, 0xff, 0x7d]))],
  ["what is no json", toFrame(types.PING, utf8("{"))],
  ["json that is no object", toFrame(types.PING, utf8("[]"))],
  ["an empty payload", toFrame(types.PING, Buffer.alloc(0))],
];

test.each(malformed)("answers %s with protocol_violation and closes with 1002", async (_what, bytes) => {
  const client = await hello({ port: node.port, key: mesh.key, name: "sloppy" });
  client.sendBytes(bytes);
  expect(await client.next("ERROR")).toMatchObject({ payload: { code: "protocol_violation" } });
  expect((await client.closed).code).toBe(1002);
});

test("lets no frame of a batch take effect when another holds no json object", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "sloppy" });
  client.sendBytes(batchFrame([ping, toFrame(types.PING, utf8("[]"))]));
  expect(await client.next(() => true)).toMatchObject({ name: "ERROR", payload: { code: "protocol_violation" } });
  expect((await client.closed).code).toBe(1002);
});

test("closes over what is malformed before HELLO too", async () => {
  const client = await connect({ port: node.port, key: mesh.key });
  client.sendBytes(Buffer.alloc(3));
  expect(await client.next("ERROR")).toMatchObject({ payload: { code: "protocol_violation" } });
  expect((await client.closed).code).toBe(1002);
});

test("checks a batch whole before any of its frames takes effect", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "half" });
  client.sendBytes(batchFrame([jsonFrame("PING", { id: "never", at }), ping.subarray(0, -1)]));
  expect((await client.closed).code).toBe(1002);
  expect(client.log.filter(({ name }) => name === "PONG")).toEqual([]);
});

test("answers a message, or what it inflates to, past 10 MiB with payload_too_large and closes with 1009", async () => {
  const zeros = Buffer.alloc(11_000_000, " ");
  const inflating = gzipFrame(types.PING, zeros);
  const batch = batchFrame([
    gzipFrame(types.PING, zeros.subarray(0, 6_000_000)),
    gzipFrame(types.PING, zeros.subarray(0, 6_000_000)),
  ]);
  for (const bytes of [toFrame(types.PING, zeros), inflating, batch]) {
    const client = await hello({ port: node.port, key: mesh.key, name: "large" });
    client.sendBytes(bytes);
    expect(await client.next("ERROR")).toMatchObject({
      payload: { code: "resource_exhausted", reason: "payload_too_large" },
    });
    expect((await client.closed).code).toBe(1009);
  }
});

test("takes a message of exactly 10 MiB", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "exact" });
  const head = `{"id":"big","at":"${at}","pad":"`;
  const payload = Buffer.alloc(10_485_760 - 12, "x");
  payload.write(head, 0);
  payload.write('"}', payload.length - 2);
  client.sendBytes(toFrame(types.PING, payload));
  expect(await client.next("PONG")).toMatchObject({ payload: { re: "big" } });
  await client.close();
});

test("closes a client that sends text with 1003", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "texter" });
  client.socket.send("{}");
  expect((await client.closed).code).toBe(1003);
});

test("answers an unknown type, and a message that only the server sends, and stays open", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "curious" });
  for (const type of [0x0999, 0xf001, types.WELCOME, types.TASK_ASSIGN]) {
    const id = client.newId();
    client.sendBytes(toFrame(type, utf8(JSON.stringify({ id }))));
    expect(await client.next("ERROR")).toMatchObject({
      payload: { re: id, code: "invalid_argument", reason: "unknown_type" },
    });
  }
  client.sendBytes(toFrame(0x0999, utf8("no json")));
  expect(await client.next("ERROR")).toMatchObject({ payload: { reason: "unknown_type" } });
  await client.close();
});

test("names each wrong field, echoes a valid id and none that is invalid", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "wrong" });
  const reply = await client.request("AGENT_REGISTER", { name: 7, maxConcurrency: 0 });
  expect(reply).toMatchObject({ name: "ERROR", payload: { code: "invalid_argument" } });
  expect(reply.payload.reason).toBeUndefined();
  expect(reply.payload.details.map(({ path }: { path: string }) => path).sort()).toEqual([
    "capabilities",
    "maxConcurrency",
    "name",
  ]);
  for (const id of ["", "x".repeat(65), 7, null, undefined]) {
    client.send("TASK_GET", { id, taskId: "x" });
    const error = await client.next("ERROR");
    expect(error.payload).toMatchObject({ code: "invalid_argument" });
    expect(error.payload).not.toHaveProperty("re");
  }
  await client.close();
});

test("refuses json that nests too deep or holds a number without end, and stays open", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "deep" });
  client.sendBytes(toFrame(types.PING, utf8(`{"at":"${at}","deep":${"[".repeat(600)}${"]".repeat(600)}}`)));
  expect(await client.next("ERROR")).toMatchObject({ payload: { code: "invalid_argument" } });
  client.sendBytes(toFrame(types.PING, utf8(`{"at":"${at}","n":1e999}`)));
  expect(await client.next("ERROR")).toMatchObject({ payload: { code: "invalid_argument" } });
  await client.close();
});

test("says of what it does not offer yet that it does not", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "eager" });
  const refused = { name: "ERROR", payload: { code: "failed_precondition", reason: "not_offered" } };
  expect(await client.request("DOC_OPEN", { name: "d", kind: "text" })).toMatchObject(refused);
  client.sendBytes(toFrame(types.DOC_UPDATE, Buffer.from([0, 0, 0, 1, 2, 3])));
  expect(await client.next("ERROR")).toMatchObject(refused);
  await client.close();
});

test("handles a batch of many frames in order, and answers them in few messages", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "many" });
  const ids = Array.from({ length: 600 }, (_, index) => `p${index}`);
  client.sendBytes(batchFrame(ids.map((id) => jsonFrame("PING", { id, at }))));
  await client.next(({ payload }) => payload.re === "p599");
  const pongs = client.log.filter(({ name }) => name === "PONG");
  expect(pongs.map(({ payload }) => payload.re)).toEqual(ids);
  expect(new Set(pongs.map(({ message }) => message)).size).toBeLessThanOrEqual(5);
  await client.close();
});

test("keeps what is inflated elsewhere and what follows it in order", async () => {
  const client = await hello({ port: node.port, key: mesh.key, name: "ordered" });
  const pad = "x".repeat(2_000_000);
  client.sendBytes(gzipFrame(types.PING, utf8(JSON.stringify({ id: "first", at, pad }))));
  client.sendBytes(jsonFrame("PING", { id: "second", at }));
  await client.next(({ payload }) => payload.re === "second");
  const pongs = client.log.filter(({ name }) => name === "PONG");
  expect(pongs.map(({ payload }) => payload.re)).toEqual(["first", "second"]);
  await client.close();
});
