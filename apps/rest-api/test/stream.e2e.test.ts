import { request } from "node:http";
import type { TaskId } from "@devmesh/models";
import { type HttpServer, serveHttp } from "@devmesh/runtime";
import { checkLeaks, waitFor } from "@devmesh/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { envelopeOf, openRest, type RestHarness } from "./_rest-harness.ts";

checkLeaks();

describe("over a real connection", () => {
  let rest: RestHarness;
  let http: HttpServer;
  let base: string;
  let headers: Record<string, string>;
  beforeAll(async () => {
    rest = await openRest({ keepAliveMs: 100 });
    http = await serveHttp({ fetch: rest.app.fetch, port: 0, portVariable: "DEVMESH_REST_PORT", graceMs: 1_000 });
    base = `http://127.0.0.1:${http.port}/api/v1`;
    headers = { "x-api-key": await rest.createKey(), "content-type": "application/json" };
    await rest.connectAgent("streamer", "stream.it");
  });
  afterAll(async () => {
    await http[Symbol.asyncDispose]();
    await rest[Symbol.asyncDispose]();
  });

  const submit = async (type: string): Promise<TaskId> =>
    (await envelopeOf(await rest.ask("POST", "/tasks", { type }))).data.id;
  const eventsIn = (text: string): { seq: number; type: string }[] =>
    [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? ""));

  test("a stream tells all events, live, with their ids and types, and ends after the final state", async () => {
    const id = await submit("stream.it");
    const response = await fetch(`${base}/tasks/${id}/stream`, { headers });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const whole = response.text();
    await rest.complete(id, 1);
    const text = await whole;
    const events = eventsIn(text);
    expect(events.map(({ type }) => type)).toEqual([
      "task.created",
      "task.queued",
      "task.assigned",
      "task.accepted",
      "task.completed",
    ]);
    expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq))).toEqual(events.map(({ seq }) => seq));
    expect([...text.matchAll(/^event: (.+)$/gm)].map(([, type]) => type)).toEqual(events.map(({ type }) => type));

    const after = await fetch(`${base}/tasks/${id}/stream`, { headers: { ...headers, "last-event-id": "3" } });
    expect(eventsIn(await after.text()).map(({ seq }) => seq)).toEqual([4, 5]);
    for (const bad of ["x", "-1", "6", "1.5"]) {
      const refused = await fetch(`${base}/tasks/${id}/stream`, { headers: { ...headers, "last-event-id": bad } });
      expect(refused.status).toBe(400);
      expect((await envelopeOf(refused)).error?.code).toBe("invalid_argument");
    }
  });

  test("a quiet stream is kept alive by comments, and costs nothing once its client is gone", async () => {
    const id = await submit("nobody.does.it");
    const aborting = new AbortController();
    const response = await fetch(`${base}/tasks/${id}/stream`, { headers, signal: aborting.signal });
    const reader = response.body?.getReader();
    const decoder = new TextDecoder();
    let text = "";
    while (!text.includes(": keep-alive")) text += decoder.decode((await reader?.read())?.value);
    await waitFor(() => rest.deps.waiters.size === 1);
    aborting.abort();
    await waitFor(() => rest.deps.waiters.size === 0);
  });

  test("asking for a stream's head alone starts none", async () => {
    const id = await submit("nobody.does.it");
    const response = await fetch(`${base}/tasks/${id}/stream`, { method: "HEAD", headers });
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    await waitFor(() => rest.deps.waiters.size === 0);
  });

  test("a wait whose client goes away ends", async () => {
    const id = await submit("nobody.does.it");
    const aborting = new AbortController();
    const waiting = fetch(`${base}/tasks/${id}/wait?timeoutMs=60000`, { headers, signal: aborting.signal });
    await waitFor(() => rest.deps.waiters.size === 1);
    aborting.abort();
    await expect(waiting).rejects.toThrow();
    await waitFor(() => rest.deps.waiters.size === 0);
  });

  test("a body that grows past the limit is refused while it still comes in", async () => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const sending = request(`${base}/tasks`, { method: "POST", headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sending.on("error", reject);
    const chunk = Buffer.alloc(65_536, 0x20);
    for (let sent = 0; sent < 5 * 1_048_576; sent += chunk.length) sending.write(chunk);
    expect(await promise).toBe(413);
    sending.destroy();
    expect((await fetch(`${base}/tasks?limit=1`, { headers })).status).toBe(200);
  });

  test("too many that wait are refused, and told when to come again", async () => {
    const id = await submit("nobody.does.it");
    const watches = Array.from({ length: 100 }, () => rest.deps.waiters.watch({ tenantId: rest.tenantId, taskId: id }));
    for (const path of ["wait", "stream"]) {
      const refused = await fetch(`${base}/tasks/${id}/${path}`, { headers });
      expect(refused.status).toBe(429);
      expect(refused.headers.get("retry-after")).toBe("1");
      expect((await envelopeOf(refused)).error?.code).toBe("resource_exhausted");
    }
    for (const watch of watches) watch[Symbol.dispose]();
  });

  test("when the service stops, streams end and waits answer as things stand", async () => {
    const id = await submit("nobody.does.it");
    const stream = await fetch(`${base}/tasks/${id}/stream`, { headers });
    const waiting = fetch(`${base}/tasks/${id}/wait?timeoutMs=60000`, { headers });
    await waitFor(() => rest.deps.waiters.size === 2);
    rest.stop();
    await stream.text();
    expect((await envelopeOf(await waiting)).data.state).toBe("queued");
    expect(rest.deps.waiters.size).toBe(0);
  });
});
