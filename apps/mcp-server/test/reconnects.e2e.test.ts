import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import { sql } from "@devmesh/repositories";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { intervals } from "../src/limits.ts";
import { type Mesh, openMesh } from "./_mesh.ts";
import { connect } from "./_socket.ts";

checkLeaks();

let mesh: Mesh;
beforeAll(async () => {
  mesh = await openMesh();
});
afterAll(() => mesh[Symbol.asyncDispose]());

interface Refusal {
  readonly status: number | undefined;
  readonly retryAfter: string | undefined;
  readonly error: { readonly code: string; readonly reason: string; readonly retryAfterMs: number };
}

test("lets in 80 a second of 240 that come at once, tells each of the rest a later time, and has all in when they keep to it", async () => {
  const node = await mesh.startNode({ connections: { max: 1_000, maxPerTenant: 1_000, upgradesPerSecond: 80 } });
  const begunAt = performance.now();
  const acceptedAt: number[] = [];
  const refusals: Refusal[] = [];
  const sockets: Duplex[] = [];

  async function comeUntilLetIn(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const answer = await upgrade(node.port, mesh.key);
      if (!("status" in answer)) {
        acceptedAt.push(performance.now() - begunAt);
        sockets.push(answer);
        return;
      }
      if (tries === 1) refusals.push(answer);
      const comesAt = performance.now() + answer.error.retryAfterMs;
      await waitFor(() => performance.now() >= comesAt, { timeoutMs: 60_000 });
    }
  }

  await Promise.all(Array.from({ length: 240 }, comeUntilLetIn));
  // a machine that is busy elsewhere opens fewer in the first second
  expect(acceptedAt.filter((at) => at < 1_000).length).toBeLessThanOrEqual(80);
  expect(acceptedAt.filter((at) => at < 2_000).length).toBeLessThanOrEqual(160);
  expect(Math.max(...acceptedAt)).toBeLessThan(60_000);

  expect(refusals.length).toBeGreaterThan(20);
  const waits = refusals.map(({ error }) => error.retryAfterMs);
  expect(new Set(waits).size).toBeGreaterThan(refusals.length / 3);
  for (const { status, retryAfter, error } of refusals) {
    expect({ status, error }).toMatchObject({
      status: 429,
      error: { code: "resource_exhausted", reason: "rate_limited" },
    });
    expect(retryAfter).toBe(String(Math.ceil(error.retryAfterMs / 1_000)));
  }
  for (const socket of sockets) socket.destroy();
  await node.stop();
});

test("answers 503 with a time while it drains, and lets go of who does not answer its close", async () => {
  const node = await mesh.startNode();
  const deaf = await upgrade(node.port, mesh.key);
  expect("status" in deaf).toBe(false);
  const client = await connect({ port: node.port, key: mesh.key });
  const stopped = node.stop();
  expect(await client.next("GOODBYE")).toMatchObject({
    payload: { reason: "draining", resumeAfterMs: expect.any(Number) },
  });
  expect((await client.closed).code).toBe(1012);
  const late = await upgrade(node.port, mesh.key);
  expect(late).toMatchObject({ status: 503, error: { code: "unavailable", reason: "draining" } });
  if ("status" in late) {
    expect(late.error.retryAfterMs).toBeGreaterThanOrEqual(1_000);
    expect(late.retryAfter).toMatch(/^[12]$/);
  }
  await stopped;
  if (!("status" in deaf)) deaf.destroy();
});

test("counts as alive until its last connection is closed", async () => {
  // shorter than the time for who does not answer a close, and long for a machine that stands still for a moment
  const nodeLeaseMs = 2_000;
  const node = await mesh.startNode({ shutdownMs: 12_000, intervals: { ...intervals, nodeLeaseMs } });
  const deaf = await upgrade(node.port, mesh.key);
  const begunAt = performance.now();
  const lives: boolean[] = [];
  let drainedMs: number | undefined;
  const stopped = node.stop().then(() => {
    drainedMs = performance.now() - begunAt;
  });
  await waitFor(async () => {
    const { rows } = await mesh.database.query<{ isAlive: boolean }>(
      sql`select coalesce(bool_and(lease_until >= now()), false) as "isAlive" from node`,
    );
    if (drainedMs === undefined) lives.push(rows[0]?.isAlive === true);
    return drainedMs !== undefined;
  });
  await stopped;
  expect(drainedMs).toBeGreaterThan(nodeLeaseMs);
  // the last look may come after the node has left
  expect(lives.slice(0, -1)).not.toContain(false);
  if (!("status" in deaf)) deaf.destroy();
});

test("cuts off whoever was refused and keeps its half of the connection open", async () => {
  const node = await mesh.startNode();
  const stream = createConnection({ port: node.port, host: "127.0.0.1", allowHalfOpen: true });
  let isCutOff = false;
  stream.on("error", () => {
    isCutOff = true;
  });
  stream.resume();
  stream.write("GET /ws HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
  await once(stream, "end");
  await waitFor(() => {
    if (!isCutOff) stream.write("still here");
    return isCutOff;
  });
  await node.stop();
});

/** One upgrade by hand: the stream where it was accepted, else the refusal. */
function upgrade(port: number, key: string): Promise<Duplex | Refusal> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${key}`,
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": Buffer.alloc(16, 1).toString("base64"),
      "sec-websocket-protocol": "devmesh.v1",
    };
    const asked = request({ port, host: "127.0.0.1", path: "/ws", headers, agent: false });
    asked.once("error", reject);
    asked.once("upgrade", (_response, stream) => {
      stream.on("error", () => undefined);
      resolve(stream);
    });
    asked.once("response", (response) => void readRefusal(response).then(resolve, reject));
    asked.end();
  });
}

async function readRefusal(response: IncomingMessage): Promise<Refusal> {
  let text = "";
  for await (const part of response) text += String(part);
  const { error } = JSON.parse(text) as Pick<Refusal, "error">;
  return { status: response.statusCode, retryAfter: response.headers["retry-after"], error };
}
