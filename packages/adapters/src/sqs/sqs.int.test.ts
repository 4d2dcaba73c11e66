import type { SQSClient } from "@aws-sdk/client-sqs";
import { AppError } from "@devmesh/models";
import { createLogger } from "@devmesh/observability";
import { type FauxqsServer, startFauxqs } from "fauxqs";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Consumer, type ConsumerOptions, startConsumer } from "./consumer.ts";
import { ensureQueue } from "./ensure-queue.ts";
import { createSqsClient } from "./sqs-client.ts";
import { type SqsQueue, sqsQueue } from "./sqs-queue.ts";

const logger = createLogger({ level: "silent", service: "t" });
const settings = { dlqName: "jobs-dlq", maxReceiveCount: 5, visibilityTimeoutSeconds: 30 };
const noSignal = new AbortController().signal;
const once = { maxMessages: 10, waitTimeSeconds: 0, visibilityTimeoutSeconds: 30, signal: noSignal };

let server: FauxqsServer;
let client: SQSClient;
let queue: SqsQueue;

function clientOf(port: number): SQSClient {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return createSqsClient({ endpoint: `http://127.0.0.1:${port}`, region: "us-east-1", credentials });
}

function start(options: Partial<ConsumerOptions> & Pick<ConsumerOptions, "handler">): Consumer {
  return startConsumer({ queue, signal: noSignal, logger, waitTimeSeconds: 1, graceMs: 5_000, ...options });
}

/** How many messages a queue holds: ready, and in somebody's hands. */
function count(name: string): { ready: number; inFlight: number } {
  const messages = server.inspectQueue(name)?.messages;
  return { ready: messages?.ready.length ?? -1, inFlight: messages?.inflight.length ?? -1 };
}

const empty = { ready: 0, inFlight: 0 };
const eventually = { timeout: 30_000, interval: 10 };

beforeAll(async () => {
  server = await startFauxqs({ port: 0, logger: false });
  client = clientOf(server.port);
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});
beforeEach(async () => {
  server.deleteQueue("jobs");
  server.deleteQueue("jobs-dlq");
  queue = sqsQueue({ client, ...(await ensureQueue(client, "jobs", settings)) });
  return () => queue[Symbol.dispose]();
});

describe("ensureQueue", () => {
  it("makes both queues, and brings existing ones to other settings", async () => {
    const first = await ensureQueue(client, "jobs", settings);
    expect(await ensureQueue(client, "jobs", { ...settings, maxReceiveCount: 7, visibilityTimeoutSeconds: 9 })).toEqual(
      first,
    );
    const attributes = server.inspectQueue("jobs")?.attributes ?? {};
    expect(attributes["VisibilityTimeout"]).toBe("9");
    expect(JSON.parse(attributes["RedrivePolicy"] ?? "{}")).toMatchObject({ maxReceiveCount: 7 });
  });

  it("is unavailable when SQS is away", async () => {
    const lost = clientOf(1);
    await expect(ensureQueue(lost, "jobs", settings)).rejects.toMatchObject({ code: "unavailable" });
    lost.destroy();
  });
});

describe("sqsQueue", () => {
  it("sends any number, receives, deletes", async () => {
    const messages = Array.from({ length: 25 }, (_, index) => ({ id: `m${index}`, body: `{"n":${index}}` }));
    expect(await queue.sendBatch(messages)).toEqual([]);
    expect(count("jobs").ready).toBe(25);
    const received = await queue.receive(once);
    expect(received).toHaveLength(10);
    expect(received[0]).toMatchObject({ body: '{"n":0}', receiveCount: 1 });
    expect(await queue.deleteBatch(received.map(({ receiptHandle }) => receiptHandle))).toEqual([]);
    expect(count("jobs")).toEqual({ ready: 15, inFlight: 0 });
  });

  it("reports what is too large by itself and sends the rest", async () => {
    const failed = await queue.sendBatch([
      { id: "big", body: "x".repeat(262_145) },
      { id: "good", body: "x" },
    ]);
    expect(failed).toMatchObject([{ id: "big", error: { code: "invalid_argument" } }]);
    expect(count("jobs").ready).toBe(1);
  });

  it("gives every message back when SQS is away, and then fails at once", async () => {
    const lost = clientOf(1);
    using away = sqsQueue({ client: lost, queueUrl: "http://127.0.0.1:1/jobs", breaker: { minCalls: 1 } });
    const messages = Array.from({ length: 30 }, (_, index) => ({ id: `m${index}`, body: "x" }));
    const failed = await away.sendBatch(messages);
    expect(failed.map(({ id }) => id)).toEqual(messages.map(({ id }) => id));
    expect(failed.every(({ error }) => error.code === "unavailable" && error.cause !== undefined)).toBe(true);
    expect((await away.sendBatch(messages))[0]?.error.reason).toBe("breaker_open");
    lost.destroy();
  });

  it("is not_found for a queue that is gone", async () => {
    server.deleteQueue("jobs");
    await expect(queue.receive(once)).rejects.toMatchObject({ code: "not_found" });
  });

  it("is cancelled when the long poll is aborted", async () => {
    const controller = new AbortController();
    const polling = queue.receive({ ...once, waitTimeSeconds: 20, signal: controller.signal });
    controller.abort();
    await expect(polling).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("startConsumer", () => {
  it("handles every message once, at most `concurrency` at a time, and deletes it", async () => {
    const messages = Array.from({ length: 40 }, (_, index) => ({ id: `m${index}`, body: String(index) }));
    await queue.sendBatch(messages);
    const seen: string[] = [];
    let most = 0;
    await using consumer = start({
      concurrency: 7,
      handler: async ({ body }) => {
        most = Math.max(most, consumer.inFlight);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(body);
        return "done";
      },
    });
    await vi.waitFor(() => expect(seen).toHaveLength(40), eventually);
    await vi.waitFor(() => expect(count("jobs")).toEqual(empty), eventually);
    expect(new Set(seen).size).toBe(40);
    expect(most).toBeLessThanOrEqual(7);
  });

  it("buries what can never be right, with its reason, and goes on", async () => {
    await queue.sendBatch([
      { id: "bad", body: "not json" },
      { id: "dead", body: "dead" },
      { id: "good", body: "good" },
    ]);
    await using _consumer = start({
      handler: async ({ body }) => {
        if (body === "not json") throw new AppError("invalid_argument", "body is no JSON");
        return body === "dead" ? "deadLetter" : "done";
      },
    });
    await vi.waitFor(() => expect(count("jobs")).toEqual(empty), eventually);
    const buried = server.inspectQueue("jobs-dlq")?.messages.ready ?? [];
    expect(buried.map(({ body }) => body).sort()).toEqual(["dead", "not json"]);
    expect(JSON.stringify(buried)).toContain("invalid_argument: body is no JSON");
  });

  it("acknowledges what somebody else did, and tries the rest again", async () => {
    await queue.sendBatch([
      { id: "a", body: "conflict" },
      { id: "b", body: "away" },
      { id: "c", body: "later" },
    ]);
    const seen: string[] = [];
    await using _consumer = start({
      handler: async ({ body, receiveCount }) => {
        seen.push(`${body}${receiveCount}`);
        if (body === "conflict") throw new AppError("conflict", "done by another");
        if (receiveCount > 1) return "done";
        if (body === "away") throw new AppError("unavailable", "database is away", { retryAfterMs: 0 });
        return { retryAfterMs: 0 };
      },
    });
    await vi.waitFor(
      () => expect(seen.sort()).toEqual(["away1", "away2", "conflict1", "later1", "later2"]),
      eventually,
    );
    await vi.waitFor(() => expect(count("jobs")).toEqual(empty), eventually);
    expect(count("jobs-dlq")).toEqual(empty);
  });

  it("receives nothing while it may not, and begins when nudged", async () => {
    await queue.sendBatch([{ id: "a", body: "a" }]);
    let may = false;
    let asked = 0;
    const seen: string[] = [];
    await using consumer = start({
      canReceive: () => {
        asked += 1;
        return may;
      },
      handler: async ({ body }) => {
        seen.push(body);
        return "done";
      },
    });
    await vi.waitFor(() => expect(asked).toBeGreaterThan(0), eventually);
    expect(count("jobs")).toEqual({ ready: 1, inFlight: 0 });
    may = true;
    consumer.nudge();
    await vi.waitFor(() => expect(seen).toEqual(["a"]), eventually);
  });

  it("keeps a message hidden for as long as its handler works", async () => {
    await queue.sendBatch([{ id: "a", body: "a" }]);
    const renewed: number[] = [];
    const release = Promise.withResolvers<"done">();
    const watched: SqsQueue = {
      ...queue,
      changeVisibility: async (handles, seconds) => {
        await queue.changeVisibility(handles, seconds);
        renewed.push(seconds);
      },
    };
    let deliveries = 0;
    await using _consumer = start({
      queue: watched,
      visibilityTimeoutSeconds: 3,
      handler: () => {
        deliveries += 1;
        return release.promise;
      },
    });
    await vi.waitFor(() => expect(renewed.length).toBeGreaterThanOrEqual(4), eventually); // past its own time
    expect(new Set(renewed)).toEqual(new Set([3]));
    release.resolve("done");
    await vi.waitFor(() => expect(count("jobs")).toEqual(empty), eventually);
    expect(deliveries).toBe(1);
  });

  it("lets handlers finish when it ends, and takes nothing more", async () => {
    await queue.sendBatch([{ id: "a", body: "a" }]);
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<"done">();
    const controller = new AbortController();
    const consumer = start({
      signal: controller.signal,
      concurrency: 1, // a full consumer has no poll open that could swallow the second message
      handler: () => {
        entered.resolve();
        return release.promise;
      },
    });
    await entered.promise;
    controller.abort();
    await queue.sendBatch([{ id: "b", body: "b" }]);
    const closing = Promise.all([consumer[Symbol.asyncDispose](), consumer[Symbol.asyncDispose]()]);
    release.resolve("done");
    await closing;
    expect(count("jobs")).toEqual({ ready: 1, inFlight: 0 });
  });

  it("gives back at once what won't finish, and ignores its late outcome", async () => {
    await queue.sendBatch([
      { id: "deaf", body: "deaf" },
      { id: "polite", body: "polite" },
    ]);
    const release = Promise.withResolvers<"done">();
    let entered = 0;
    const consumer = start({
      graceMs: 1,
      concurrency: 2,
      handler: ({ body }, signal) => {
        entered += 1;
        if (body === "deaf") return release.promise;
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped"))));
      },
    });
    await vi.waitFor(() => expect(entered).toBe(2), eventually);
    await consumer[Symbol.asyncDispose]();
    release.resolve("done");
    await release.promise;
    expect((await queue.receive(once)).map(({ body }) => body).sort()).toEqual(["deaf", "polite"]);
  });

  it("survives an outage of SQS and recovers by itself", async () => {
    const first = await startFauxqs({ port: 0, logger: false });
    const { port } = first;
    const flaky = clientOf(port);
    const urls = await ensureQueue(flaky, "jobs", settings);
    using own = sqsQueue({ client: flaky, ...urls, breaker: { minCalls: 1, resetMs: 100 } });
    const seen: string[] = [];
    await using consumer = start({
      queue: own,
      handler: async ({ body }) => {
        seen.push(body);
        return "done";
      },
    });
    await first.stop();
    await expect(own.receive(once)).rejects.toMatchObject({ code: "unavailable" });
    // somebody's outgoing connection may have the port for a moment
    const second = await vi.waitFor(() => startFauxqs({ port, logger: false }), eventually);
    await ensureQueue(flaky, "jobs", settings);
    second.sendMessage("jobs", "after");
    await vi.waitFor(() => {
      consumer.nudge();
      expect(seen).toEqual(["after"]);
    }, eventually);
    await consumer[Symbol.asyncDispose]();
    flaky.destroy();
    await second.stop();
  });
});
