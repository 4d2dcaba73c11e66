import { connectAgent, TaskFailure } from "@devmesh/agent-sdk";
import { waitFor } from "@devmesh/testing";
import { expect, test } from "vitest";
import { type Fleet, openFleet } from "../kit/fleet.ts";

interface Letter {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly redrives: number;
}

// biome-ignore lint/suspicious/noExplicitAny: tests read whatever shape they expect, and fail where it is another
type Answer = { readonly status: number; readonly data: any; readonly error?: any };

async function ask(fleet: Fleet, method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${fleet.rest.url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${fleet.apiKey}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, ...((await response.json()) as object) } as Answer;
}

/** Speaks to the stand-in for SQS as any client of the queue would. */
async function askQueue(
  fleet: Fleet,
  action: string,
  body: Readonly<Record<string, unknown>>,
): Promise<Answer["data"]> {
  const response = await fetch(fleet.queue.url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.0",
      "x-amz-target": `AmazonSQS.${action}`,
      authorization:
        "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
    },
    body: JSON.stringify(body),
  });
  return response.json();
}

async function sendRaw(fleet: Fleet, body: string): Promise<void> {
  const { QueueUrl } = await askQueue(fleet, "GetQueueUrl", { QueueName: "devmesh-tasks" });
  await askQueue(fleet, "SendMessage", { QueueUrl, MessageBody: body });
}

async function countRaw(fleet: Fleet, queue: string): Promise<number> {
  const { QueueUrl } = await askQueue(fleet, "GetQueueUrl", { QueueName: queue });
  const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
  const { Attributes } = await askQueue(fleet, "GetQueueAttributes", { QueueUrl, AttributeNames });
  return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name]), 0);
}

function letters(fleet: Fleet, query = ""): Promise<readonly Letter[]> {
  return ask(fleet, "GET", `/dlq${query}`).then(({ data }) => data);
}

test("what died of both kinds is seen, redriven one by one and in bulk, stopped, and purged", async () => {
  await using fleet = await openFleet({ workers: 2 });
  let isBroken = true;
  await using agent = await connectAgent({
    url: `${fleet.mcp[0]?.url.replace("http", "ws")}/ws`,
    apiKey: fleet.apiKey,
    name: "fragile",
    capabilities: [{ name: "break" }],
    maxConcurrency: 20,
  });
  void agent.handle({
    break: async () => {
      if (isBroken) throw new TaskFailure("permanent", "no such repository");
      return "whole";
    },
  });

  // one of each kind
  const { data: task } = await ask(fleet, "POST", "/tasks", { type: "break", input: { n: 1 } });
  await sendRaw(fleet, "no JSON at all");
  const both = await waitFor(async () => {
    const found = await letters(fleet);
    return found.length === 2 && found;
  });
  expect(both.map(({ kind }) => kind).sort()).toEqual(["message", "task"]);
  const message = both.find(({ kind }) => kind === "message");
  expect(message).toMatchObject({ queue: "devmesh-tasks", reason: "invalid_argument", redrives: 0 });
  expect((await letters(fleet, "?queue=devmesh-tasks")).map(({ id }) => id)).toEqual([message?.id]);
  expect((await letters(fleet, "?type=break&reason=permanent")).map(({ id }) => id)).toEqual([task.id]);
  const { data: detail } = await ask(fleet, "GET", `/dlq/${message?.id}`);
  expect(detail).toMatchObject({ body: "no JSON at all", receiveCount: 1, audit: [] });

  // the task is redriven, and ends well
  isBroken = false;
  const redriven = await ask(fleet, "POST", `/dlq/${task.id}/redrive`);
  expect(redriven).toMatchObject({ status: 200, data: { state: "redriven", redrives: 1 } });
  const { data: done } = await ask(fleet, "GET", `/tasks/${task.id}/wait?timeoutMs=10000`);
  expect(done).toMatchObject({ state: "completed", output: "whole" });
  expect((await ask(fleet, "GET", `/dlq/${task.id}`)).data.audit).toMatchObject([
    { action: "redrive", outcome: "redriven", force: false, by: { name: "load" } },
  ]);

  // the message is sent again, and dies again under the same id: the fourth time needs force
  for (const redrives of [1, 2, 3]) {
    expect(await ask(fleet, "POST", `/dlq/${message?.id}/redrive`)).toMatchObject({ status: 200 });
    await waitFor(async () => {
      const { data } = await ask(fleet, "GET", `/dlq/${message?.id}`);
      return data.state === "dead" && data.redrives === redrives;
    });
  }
  expect(await ask(fleet, "POST", `/dlq/${message?.id}/redrive`)).toMatchObject({
    status: 409,
    error: { code: "failed_precondition", reason: "redrive_limit", message: expect.stringContaining("3 times") },
  });
  expect(await ask(fleet, "POST", `/dlq/${message?.id}/redrive`, { force: true })).toMatchObject({ status: 200 });
  await waitFor(async () => (await ask(fleet, "GET", `/dlq/${message?.id}`)).data.redrives === 4);
  await waitFor(async () => (await ask(fleet, "GET", `/dlq/${message?.id}`)).data.state === "dead");
  const audit = (await ask(fleet, "GET", `/dlq/${message?.id}`)).data.audit;
  expect(audit.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
    "redriven",
    "refused",
    "redriven",
    "redriven",
    "redriven",
  ]);
  // of five deaths one copy is left
  await waitFor(async () => (await countRaw(fleet, "devmesh-tasks-dlq")) === 1);

  // purged: gone from the view, and from SQS
  expect(await ask(fleet, "DELETE", `/dlq/${message?.id}`)).toMatchObject({ status: 200 });
  expect((await ask(fleet, "GET", `/dlq/${message?.id}`)).status).toBe(404);
  await waitFor(async () => (await countRaw(fleet, "devmesh-tasks-dlq")) === 0);

  // fifty at 25 a second, with progress
  isBroken = true;
  const tasks = Array.from({ length: 50 }, (_, n) => ({ type: "break", input: { n } }));
  await ask(fleet, "POST", "/tasks/batch", { tasks });
  await waitFor(async () => (await letters(fleet, "?type=break&limit=200")).length === 50);
  isBroken = false;
  const startedAt = performance.now();
  const start = await ask(fleet, "POST", "/dlq/redrive", { filter: { type: "break" }, ratePerSecond: 25 });
  expect(start).toMatchObject({ status: 202, data: { total: 50, done: 0, ratePerSecond: 25 } });
  const job = `/dlq/redrives/${start.data.id}`;
  const seen = new Set<number>();
  await waitFor(async () => {
    const { data } = await ask(fleet, "GET", job);
    seen.add(data.done);
    return data.state === "completed";
  });
  const tookMs = performance.now() - startedAt;
  expect(tookMs).toBeGreaterThan(1_700);
  expect(tookMs).toBeLessThan(5_000);
  expect(seen.size).toBeGreaterThan(4);
  expect((await ask(fleet, "GET", job)).data).toMatchObject({ done: 50, failed: 0, skipped: 0 });
  await waitFor(
    async () => (await ask(fleet, "GET", "/tasks?type=break&state=completed&limit=200")).data.length === 51,
  );
  expect(await letters(fleet)).toEqual([]);

  // stopped within a second
  isBroken = true;
  await ask(fleet, "POST", "/tasks/batch", { tasks });
  await waitFor(async () => (await letters(fleet, "?limit=200")).length === 50);
  const slow = await ask(fleet, "POST", "/dlq/redrive", { filter: { type: "break" }, ratePerSecond: 5 });
  const slowJob = `/dlq/redrives/${slow.data.id}`;
  await waitFor(async () => (await ask(fleet, "GET", slowJob)).data.done > 2);
  await ask(fleet, "POST", `${slowJob}/stop`);
  await waitFor(async () => (await ask(fleet, "GET", slowJob)).data.state === "stopped", { timeoutMs: 1_000 });
  expect((await ask(fleet, "GET", slowJob)).data.done).toBeLessThan(15);
  await waitFor(async () => (await letters(fleet, "?limit=200")).length === 50);
  expect((await ask(fleet, "DELETE", "/dlq?type=break")).data.purged).toBe(50);
  expect(await letters(fleet)).toEqual([]);
});
