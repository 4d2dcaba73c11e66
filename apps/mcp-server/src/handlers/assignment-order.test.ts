import { expect, test } from "vitest";
import { type AssignmentOrder, performInOrder } from "./assignment-order.ts";

/** Work that ends when it is told to. */
function createWork() {
  const begun: string[] = [];
  const finish = new Map<string, () => void>();
  const perform = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => finish.set(name, () => resolve(name)));
  };
  return { begun, perform, finish: (name: string) => finish.get(name)?.() };
}

const say = { assignmentId: "a", turn: 1, isAlone: false };

test("begins the words of one turn at once, in order", () => {
  const order: AssignmentOrder = new Map();
  const { begun, perform } = createWork();
  void performInOrder(order, say, perform("accept"));
  void performInOrder(order, say, perform("progress"));
  expect(begun).toEqual(["accept", "progress"]);
});

test("lets a word of a later turn wait for those before it, and those after it too", async () => {
  const order: AssignmentOrder = new Map();
  const { begun, perform, finish } = createWork();
  const first = performInOrder(order, say, perform("accept"));
  void performInOrder(order, { ...say, turn: 2 }, perform("progress"));
  void performInOrder(order, { ...say, turn: 2 }, perform("complete"));
  expect(begun).toEqual(["accept"]);
  finish("accept");
  await first;
  await expect.poll(() => begun).toEqual(["accept", "progress"]);
  finish("progress");
  await expect.poll(() => begun).toEqual(["accept", "progress", "complete"]);
});

test("lets nothing join a word of several steps, and other assignments pass", () => {
  const order: AssignmentOrder = new Map();
  const { begun, perform } = createWork();
  void performInOrder(order, { ...say, isAlone: true }, perform("complete"));
  void performInOrder(order, say, perform("fail"));
  void performInOrder(order, { ...say, assignmentId: "b" }, perform("other"));
  expect(begun).toEqual(["complete", "other"]);
});

test("goes on after a failure, and keeps nothing of what is over", async () => {
  const order: AssignmentOrder = new Map();
  const failed = performInOrder(order, say, () => Promise.reject(new Error("away")));
  const next = performInOrder(order, { ...say, turn: 2 }, () => Promise.resolve("done"));
  await expect(failed).rejects.toThrow("away");
  await expect(next).resolves.toBe("done");
  await expect.poll(() => order.size).toBe(0);
});
