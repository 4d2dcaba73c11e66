import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MessageMoves, messageMoves } from "./message-moves.ts";
import { createSqsClient } from "./sqs-client.ts";

const arn = "arn:aws:sqs:us-east-1:123456789012:jobs-dlq";
const asked: { action: string; body: Record<string, unknown> }[] = [];
/** What the server answers by action; a string is the name of an error. */
let answers: Record<string, object | string>;

const server = createServer((request, response) => {
  let text = "";
  request.on("data", (part) => {
    text += String(part);
  });
  request.on("end", () => {
    const action = String(request.headers["x-amz-target"]).replace("AmazonSQS.", "");
    asked.push({ action, body: JSON.parse(text) });
    const answer = answers[action] ?? "InvalidAction";
    const status = typeof answer === "object" ? 200 : answer === "ServiceUnavailable" ? 503 : 400;
    response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
    response.end(
      JSON.stringify(typeof answer === "object" ? answer : { __type: `com.amazonaws.sqs#${answer}`, message: "no" }),
    );
  });
});
let client: ReturnType<typeof createSqsClient>;
let moves: MessageMoves;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  client = createSqsClient({ endpoint: `http://127.0.0.1:${port}`, region: "us-east-1", credentials });
});
afterAll(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  asked.length = 0;
  answers = { GetQueueAttributes: { Attributes: { QueueArn: arn } } };
  moves = messageMoves({ client, findDeadLetterUrl: async () => "http://sqs/123456789012/jobs-dlq" });
  return () => moves[Symbol.dispose]();
});

describe("messageMoves", () => {
  it("starts a move of the whole queue at a rate, 500 a second at most", async () => {
    answers["StartMessageMoveTask"] = { TaskHandle: "h" };
    expect(await moves.start(25)).toBe(true);
    expect(await moves.start(1_000)).toBe(true);
    expect(asked.filter(({ action }) => action === "StartMessageMoveTask").map(({ body }) => body)).toEqual([
      { SourceArn: arn, MaxNumberOfMessagesPerSecond: 25 },
      { SourceArn: arn, MaxNumberOfMessagesPerSecond: 500 },
    ]);
  });

  it("reads the latest move, and none", async () => {
    answers["ListMessageMoveTasks"] = { Results: [] };
    expect(await moves.latest()).toBe("none");
    answers["ListMessageMoveTasks"] = {
      Results: [
        {
          TaskHandle: "h",
          Status: "RUNNING",
          ApproximateNumberOfMessagesMoved: 3,
          ApproximateNumberOfMessagesToMove: 9,
          StartedTimestamp: 1_700_000_000_000,
        },
      ],
    };
    expect(await moves.latest()).toEqual({
      status: "running",
      handle: "h",
      moved: 3,
      toMove: 9,
      startedAt: new Date(1_700_000_000_000),
      failure: undefined,
    });
  });

  it("cancels by the handle, and takes it that the move has ended meanwhile", async () => {
    answers["CancelMessageMoveTask"] = { ApproximateNumberOfMessagesMoved: 3 };
    await moves.cancel("h");
    expect(asked.at(-1)).toEqual({ action: "CancelMessageMoveTask", body: { TaskHandle: "h" } });
    answers["CancelMessageMoveTask"] = "ResourceNotFoundException";
    await moves.cancel("h");
  });

  it.each(["InvalidAction", "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", "AccessDenied"])(
    "tells by %s that the queue has no such thing",
    async (error) => {
      answers["ListMessageMoveTasks"] = error;
      answers["StartMessageMoveTask"] = error;
      expect(await moves.latest()).toBe("unsupported");
      expect(await moves.start(10)).toBe(false);
    },
  );

  it("has none where there is no dead-letter queue", async () => {
    using none = messageMoves({ client, findDeadLetterUrl: async () => undefined });
    expect(await none.latest()).toBe("unsupported");
    expect(await none.start(10)).toBe(false);
    expect(asked).toEqual([]);
  });

  it("is unavailable when SQS is", async () => {
    answers["ListMessageMoveTasks"] = "ServiceUnavailable";
    await expect(moves.latest()).rejects.toMatchObject({ code: "unavailable" });
  });
});
