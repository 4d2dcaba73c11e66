import type { SqsQueue } from "@devmesh/adapters";
import { AppError } from "@devmesh/models";
import { expect, it } from "vitest";
import { observeQueue } from "./observe-queue.ts";

const asked = { maxMessages: 10, waitTimeSeconds: 20, visibilityTimeoutSeconds: 30 };
const away = new AppError("unavailable", "connection refused");

function createQueue(receive: SqsQueue["receive"]): SqsQueue {
  const never = (): never => expect.unreachable();
  const queue = { sendBatch: never, deleteBatch: never, changeVisibility: never, deadLetter: never };
  return { ...queue, receive, [Symbol.dispose]: () => undefined };
}

it("tells how the last receive went", async () => {
  let isAway = false;
  const { queue, assertAnswers } = observeQueue(
    createQueue(() => (isAway ? Promise.reject(away) : Promise.resolve([]))),
  );
  const options = { ...asked, signal: new AbortController().signal };
  expect(assertAnswers).not.toThrow();
  isAway = true;
  await expect(queue.receive(options)).rejects.toBe(away);
  expect(assertAnswers).toThrow("the last receive failed");
  isAway = false;
  expect(await queue.receive(options)).toEqual([]);
  expect(assertAnswers).not.toThrow();
});

it("does not take the end of waiting for a failure", async () => {
  const { queue, assertAnswers } = observeQueue(createQueue(() => Promise.reject(away)));
  const options = { ...asked, signal: AbortSignal.abort() };
  await expect(queue.receive(options)).rejects.toBe(away);
  expect(assertAnswers).not.toThrow();
});
